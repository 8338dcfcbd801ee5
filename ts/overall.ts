import type { RunOptions } from './call.js'
import type { ProgressEvent } from './generated/index.js'

/** The event of a work that is the part between two shares of a larger one. */
export function within(event: ProgressEvent, from: number, to: number): ProgressEvent {
  return { ...event, overall: event.overall >= 1 ? to : from + (to - from) * event.overall }
}

/** How to run a work that is the part between two shares of a larger one: whoever follows hears of the larger one. */
export function partOf({ onProgress, signal }: RunOptions, from: number, to: number): RunOptions {
  return {
    ...(signal && { signal }),
    ...(onProgress && { onProgress: event => onProgress(within(event, from, to)) }),
  }
}
