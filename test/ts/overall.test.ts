// The share of the whole that events tell: it never falls and ends at 1, whatever the call.
import {
  compare,
  compress,
  convert,
  embed,
  evaluate,
  generate,
  track,
  type ProgressEvent,
  type RunOptions,
} from 'kerf'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { kerfError } from './support/errors.js'
import { temporaryFolder } from './support/folders.js'
import { encoder, quick, stories } from './support/models.js'

const folder = temporaryFolder()
const text = join(folder, 'text.txt')
writeFileSync(
  text,
  'Once upon a time there was a little dog.\n\nHe liked to play in the park with his friends.\n'.repeat(60),
)
const pairs = join(folder, 'pairs.csv')
const sentences = ['A dog runs.', 'A cat sleeps.', 'The sun is warm.', 'Rain falls on the town.']
writeFileSync(pairs, sentences.map((one, i) => `${one},${sentences[(i * 3 + 1) % 4]},${i}`).join('\n'))

/** All events of a call, of which the shares are right. */
async function told(work: (run: Required<RunOptions>) => Promise<unknown>): Promise<ProgressEvent[]> {
  const events: ProgressEvent[] = []
  const signal = new AbortController().signal
  await work({ signal, onProgress: event => void events.push(event) })
  expect(events.length).toBeGreaterThan(0)
  let before = 0
  for (const { overall, stage } of events) {
    expect(overall, stage).toBeGreaterThanOrEqual(before)
    before = overall
  }
  expect(before).toBe(1)
  const counts = new Map<string, ProgressEvent>()
  for (const event of events) {
    const last = counts.get(`${event.stage} ${event.unit}`)
    expect(event.done, event.stage).toBeGreaterThanOrEqual(last?.done ?? 0)
    counts.set(`${event.stage} ${event.unit}`, event)
  }
  return events
}

const stagesOf = (events: readonly ProgressEvent[]): Set<string> => new Set(events.map(({ stage }) => stage))

describe('the share of the whole', () => {
  let made = 0
  const out = (): string => join(folder, `out-${(made += 1)}`)

  it.each([
    ['as it is', {}],
    ['with a survey and a search', { schedule: 'search', generations: 2, sparsity: 0.5, bits: 4 }],
    ['without calibration', { method: 'rtn', sparsity: 0 }],
    ['without an estimate', { estimate: false }],
    ['on the own text of the model', { calibration: 'self', tokens: 256 }],
  ] as const)('of compress, %s', async (_, options) => {
    const events = await told(run => compress(stories, { ...quick, ...options, out: out(), ...run }))
    expect(stagesOf(events)).not.toContain('evaluate')
    // Not all at once: there is something to see.
    expect(new Set(events.map(({ overall }) => overall.toFixed(2))).size).toBeGreaterThan(2)
  })

  it('of compress has room for what is measured afterwards', async () => {
    const events = await told(run => compress(stories, { ...quick, evalText: text, out: out(), ...run }))
    const written = events.findLast(({ stage }) => stage === 'write')?.overall ?? 1
    expect(written).toBeLessThan(0.95)
    expect(events.at(-1)).toMatchObject({ stage: 'evaluate' })
    expect(
      new Set(events.filter(({ overall }) => overall > written).map(({ overall }) => overall)).size,
    ).toBeGreaterThan(3)
  })

  it('of a run that goes on begins with what was done', async () => {
    const options = { ...quick, out: out(), workDir: join(folder, 'resumed') }
    let reached = 0
    const job = track(run => compress(stories, { ...options, ...run }))
    for await (const { overall } of job) {
      reached = overall
      if (overall > 0.6) break
    }
    expect((await kerfError(job.result)).code).toBe('CANCELLED')
    const events = await told(run => compress(stories, { ...options, ...run }))
    const first = events.find(({ stage }) => ['solve', 'statistics', 'forward', 'write'].includes(stage))
    expect(reached).toBeGreaterThan(0.6)
    expect(first?.overall).toBeGreaterThan(0.45)
  })

  it.each([
    ['a text', { textFile: text, context: 64 }],
    ['pairs', { pairs }],
    ['both', { textFile: text, pairs, context: 64 }],
  ])('of evaluate and compare on %s, which are called so', async (_, on) => {
    const one = await told(run => evaluate(stories, { ...on, ...run }))
    const two = await told(run => compare(stories, stories, { ...on, ...run }))
    for (const events of [one, two]) expect([...stagesOf(events)]).toEqual(['evaluate'])
  })

  it('of embed, generate and convert', async () => {
    expect([...stagesOf(await told(run => embed(stories, sentences, run)))]).toEqual(['embed'])
    const writing = await told(run => generate(stories, 'Once', { maxTokens: 20, ...run }))
    expect([...stagesOf(writing)]).toEqual(['generate'])
    const converting = await told(run => convert(stories, { format: 'kerf', out: out(), ...run }))
    expect([...stagesOf(converting)]).toEqual(['write'])
  })

  it.skipIf(encoder === undefined)(
    'of an encoder that is measured on pairs (needs the folder shared)',
    async () => {
      const options = { method: 'rtn', bits: 8, sparsity: 0, evalPairs: pairs, out: out() } as const
      const events = await told(run => compress(encoder ?? '', { ...options, ...run }))
      expect(events.at(-1)).toMatchObject({ stage: 'evaluate', done: events.at(-1)?.total })
    },
  )
})
