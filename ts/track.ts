import type { RunOptions } from './call.js'
import type { ProgressEvent, Stage } from './generated/index.js'

/** Work whose progress can be looped over. */
export interface Tracked<R> extends AsyncIterable<ProgressEvent> {
  /** What the work gives. It rejects as the function itself does. */
  readonly result: Promise<R>
}

/**
 * Starts work and gives its progress as an async iterable. A loop that is slower than the work sees the latest event of each
 * stage, not all of them; one that is left early (`break`, `return`, a throw) cancels the work. The loop throws what the work
 * throws. Without a loop nothing waits: `result` alone is enough.
 *
 *     const job = track(run => compress('./model', { out: './small', ...run }))
 *     for await (const { stage, done, total } of job) console.log(stage, done, '/', total)
 *     const report = await job.result
 */
export function track<R>(work: (run: Required<RunOptions>) => Promise<R>): Tracked<R> {
  const stop = new AbortController()
  const waiting = new Map<Stage, ProgressEvent>()
  let wake: () => void = () => undefined
  let over = false
  const onProgress = (event: ProgressEvent): void => {
    // In the order in which the stages were last heard of.
    waiting.delete(event.stage)
    waiting.set(event.stage, event)
    wake()
  }
  const result = work({ onProgress, signal: stop.signal })
  const end = (): void => {
    over = true
    wake()
  }
  // Whoever loops hears of a failure from the loop; who only awaits `result` hears of it there.
  result.then(end, end)
  return { result, [Symbol.asyncIterator]: events }

  async function* events(): AsyncGenerator<ProgressEvent, void> {
    try {
      while (true) {
        for (const [stage, event] of waiting) {
          waiting.delete(stage)
          yield event
        }
        if (waiting.size > 0) continue
        if (over) break
        await new Promise<void>(resolve => (wake = resolve))
      }
      await result
    } finally {
      stop.abort(new Error('the loop over the progress was left'))
    }
  }
}
