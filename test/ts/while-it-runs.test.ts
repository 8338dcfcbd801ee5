// What happens while the work goes on: the event loop stays free, progress, cancelling.
import { compress, generate, type ProgressEvent } from 'kerf'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { kerfError } from './support/errors.js'
import { digest, names, temporaryFolder } from './support/folders.js'
import { stories } from './support/models.js'

/** The portable kernels are slow on purpose here: there must be time to see something. */
const slow = { isa: 'portable', tokens: 8192, threads: 1 } as const

describe('while a model is compressed', () => {
  it('the event loop stays free', async () => {
    const started = performance.now()
    let ticks = 0
    let firstEventTick: number | undefined
    const timer = setInterval(() => (ticks += 1), 5)
    const out = join(temporaryFolder(), 'out')
    await compress(stories, { ...slow, out, onProgress: () => (firstEventTick ??= ticks) })
    clearInterval(timer)
    const elapsed = performance.now() - started
    // A blocked loop would tick once or twice in all; a free one about every 5 ms. A tenth of that is asked for.
    expect(elapsed).toBeGreaterThan(200)
    expect(ticks).toBeGreaterThan(elapsed / 50)
    expect(firstEventTick).toBeLessThan(ticks)
  })

  it('progress of a stage never falls and ends at its total', async () => {
    const events: ProgressEvent[] = []
    const out = join(temporaryFolder(), 'out')
    await compress(stories, { tokens: 1024, out, onProgress: event => events.push(event) })
    const stages = new Set(events.map(event => event.stage))
    for (const stage of ['statistics', 'solve', 'forward', 'write'] as const) expect(stages).toContain(stage)
    for (const stage of stages) {
      const own = events.filter(event => event.stage === stage)
      for (const [index, event] of own.entries()) {
        expect(event.done).toBeGreaterThanOrEqual(own[index - 1]?.done ?? 0)
        expect(event.done).toBeLessThanOrEqual(event.total)
        expect(event.unit).not.toBe('')
      }
      const last = own.at(-1)
      expect(last?.done).toBe(last?.total)
    }
  })

  it('an exception in onProgress cancels the work and is what the caller gets', async () => {
    const folder = temporaryFolder()
    const failure = new Error('mine')
    const promise = compress(stories, {
      ...slow,
      out: join(folder, 'out'),
      onProgress() {
        throw failure
      },
    })
    await expect(promise).rejects.toBe(failure)
    expect(names(folder)).not.toContain('out')
  })

  it('two runs at once do not disturb each other', async () => {
    const folder = temporaryFolder()
    const run = (name: string, seed: number): Promise<unknown> =>
      compress(stories, { tokens: 1024, seed, threads: 1, out: join(folder, name) })
    await Promise.all([run('a', 1), run('b', 2), run('c', 1)])
    expect(digest(join(folder, 'a'))).toEqual(digest(join(folder, 'c')))
    expect(digest(join(folder, 'a'))).not.toEqual(digest(join(folder, 'b')))
  })
})

describe('an AbortSignal', () => {
  it('that was aborted before stops the call before it starts', async () => {
    const folder = temporaryFolder()
    const reason = new Error('no longer wanted')
    const error = await kerfError(
      compress(stories, { out: join(folder, 'out'), signal: AbortSignal.abort(reason) }),
    )
    expect(error.code).toBe('CANCELLED')
    expect(error.cause).toBe(reason)
    expect(names(folder)).toEqual([])
  })

  it('stops the work, and the same call goes on from there to the same bytes', async () => {
    const folder = temporaryFolder()
    const controller = new AbortController()
    const out = join(folder, 'out')
    const error = await kerfError(
      compress(stories, {
        ...slow,
        out,
        signal: controller.signal,
        onProgress: ({ stage, done }) => stage === 'solve' && done > 8 && controller.abort('enough'),
      }),
    )
    expect(error.code).toBe('CANCELLED')
    expect(error.cause).toBe('enough')
    expect(names(folder)).not.toContain('out')
    const report = await compress(stories, { ...slow, out })
    expect(report.resumedUnits).toBeGreaterThan(0)
    const straight = await compress(stories, { ...slow, out: join(folder, 'straight') })
    expect(straight.resumedUnits).toBe(0)
    expect(digest(out)).toEqual(digest(join(folder, 'straight')))
    expect(names(folder)).toEqual(['out', 'straight'])
  })

  it('stops a generation', async () => {
    const controller = new AbortController()
    let heard = ''
    const error = await kerfError(
      generate(stories, 'Once upon a time', {
        maxTokens: 100_000,
        signal: controller.signal,
        onToken: piece => {
          heard += piece
          controller.abort()
        },
      }),
    )
    expect(error.code).toBe('CANCELLED')
    expect(heard).not.toBe('')
    expect(error.details['text']).toContain(heard)
  })
})
