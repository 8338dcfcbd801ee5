// The bar on a terminal, as a stream that remembers what was written, and the share that measuring takes.
import type { PlanReport, ProgressEvent } from 'kerf'
import { describe, expect, it } from 'vitest'
import { openProgress } from '../../../ts/cli/output/progress.js'
import { shareOf } from '../../../ts/quality/cost.js'

/** What a terminal shows of the lines, without its colours: a return goes to the start of the line, an erase leaves nothing on it. */
function terminal(columns: number): { stream: NodeJS.WriteStream; lines: () => string[]; raw: () => string } {
  let written = ''
  const stream = { isTTY: true, columns, write: (text: string) => ((written += text), true) }
  const shown = (line: string): string => (line.split('\r\x1b[K').at(-1) ?? '').replace(/\x1b\[\d+m/g, '')
  return {
    stream: stream as unknown as NodeJS.WriteStream,
    lines: () => written.split('\n').map(shown),
    raw: () => written,
  }
}

const event = (overall: number, stage: ProgressEvent['stage'] = 'solve'): ProgressEvent => ({
  ...{ stage, done: 1, total: 2, unit: 'matrices', overall },
  name: 'model.layers.11.self_attn.q_proj.weight',
})

describe('the bar of a terminal', () => {
  it.each([40, 80])('is one line at %i columns, whatever the stages, and whole at the end', columns => {
    const { stream, lines, raw } = terminal(columns)
    const progress = openProgress(stream)
    for (const [share, stage] of [
      [0, 'plan'],
      [0.2, 'statistics'],
      [0.4, 'solve'],
      [1, 'write'],
    ] as const)
      progress.update(event(share, stage))
    expect(lines()).toHaveLength(1)
    progress.close('done')
    const [bar, after] = lines()
    expect(bar).toMatch(/^━+ 100 % {2}0\.0 s$/)
    expect(after).toBe('')
    for (const line of lines()) expect(line.length).toBeLessThan(columns)
    // No mode is changed that must be changed back.
    expect(raw()).not.toMatch(/\x1b\[\?/)
  })

  it.each([40, 80])(
    'is left as it was at %i columns when the work is stopped, below what is said',
    columns => {
      const { stream, lines } = terminal(columns)
      const progress = openProgress(stream)
      progress.update(event(0.43))
      progress.say('stopping; what is done so far is kept (Ctrl-C again stops at once)')
      progress.close('stopped')
      progress.close('done')
      progress.update(event(0.5))
      const shown = lines()
      expect(shown.slice(0, -2).join(' ')).toMatch(/^stopping; .* at once\)$/)
      expect(shown.at(-2)).toMatch(/^━+─+ +43 % {2}stopped after 0\.0 s$/)
      expect(shown.at(-1)).toBe('')
    },
  )

  it('is nothing where nothing was told', () => {
    const { stream, raw } = terminal(80)
    openProgress(stream).close('done')
    expect(raw()).toBe('')
  })
})

describe('the share that measuring takes', () => {
  const tensors = [
    { part: 'target', shape: [1000, 1000] },
    { part: 'kept', shape: [9000, 9000] },
  ]
  const plan = { flops: 1e12, inputBytes: 4e6, tensors } as unknown as PlanReport
  const none = { text: undefined, pairs: undefined }
  const long = 'words and more words\n\n'.repeat(100_000)

  it('grows with the text, and shrinks with the work before it', () => {
    const little = shareOf(plan, 'decoder', none)
    expect(little).toBeGreaterThan(0)
    expect(shareOf(plan, 'decoder', { ...none, text: long })).toBeGreaterThan(2 * little)
    expect(shareOf(plan, 'encoder', { ...none, pairs: long })).toBeGreaterThan(shareOf(plan, 'encoder', none))
    expect(shareOf({ ...plan, flops: 1e14 }, 'decoder', none)).toBeLessThan(little / 5)
    expect(shareOf({ ...plan, flops: 0 }, 'decoder', { ...none, text: long })).toBeLessThan(1)
  })
})
