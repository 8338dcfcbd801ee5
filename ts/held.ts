// A model that stays open in the core, and the order of the calls on it.
import { KerfError } from './errors.js'

/** The number of an open model, in whose place it stands in requests, and a queue: calls on one model take turns. */
export class Held {
  private last: Promise<unknown> = Promise.resolve()
  private closing: Promise<void> | undefined
  private readonly open: number

  constructor(open: number) {
    this.open = open
  }

  /** What stands in a request. */
  toJSON(): { open: number } {
    return { open: this.open }
  }

  /** Whether it was closed. */
  get isClosed(): boolean {
    return this.closing !== undefined
  }

  /** Does the work when all calls before it have ended. `CLOSED` after {@link shut}; a signal that is aborted meanwhile ends the waiting. */
  async turn<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    if (this.closing) throw closed()
    const before = this.last
    const own = before.then(() => (signal?.aborted ? undefined : work()))
    this.last = own.catch(() => undefined)
    await aborted(signal, before)
    return own as Promise<T>
  }

  /** Ends the queue: `work` is done once, after all calls that are there. */
  protected shut(work: () => Promise<void>): Promise<void> {
    return (this.closing ??= this.last.then(work))
  }
}

/** Rejects when a signal is aborted before something has happened. */
async function aborted(signal: AbortSignal | undefined, before: Promise<unknown>): Promise<void> {
  if (!signal) return
  let stop: (() => void) | undefined
  const abort = new Promise<never>((_, reject) => {
    stop = () => reject(cancelledBefore(signal))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  try {
    await Promise.race([abort, before])
  } finally {
    if (stop) signal.removeEventListener('abort', stop)
  }
}

/** The error of a call whose signal was aborted before it began. */
export function cancelledBefore(signal: AbortSignal): KerfError {
  const data = { code: 'CANCELLED', message: 'cancelled before the start', details: {} } as const
  return new KerfError(data, { cause: signal.reason })
}

function closed(): KerfError {
  const message = 'the model was closed; open it again'
  return new KerfError({ code: 'CLOSED', message, details: {} })
}
