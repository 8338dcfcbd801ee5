import { EXIT } from './fail.js'

/** Cancels a command on Ctrl-C. */
export interface Interrupt {
  signal: AbortSignal
  /** Takes the handlers away, so that the process can end. */
  close: () => void
}

/** The first Ctrl-C (or a polite kill) cancels the work, the second ends the process at once. `onFirst` says so. */
export function openInterrupt(onFirst: () => void): Interrupt {
  const controller = new AbortController()
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.cancelled)
    onFirst()
    controller.abort(new Error('interrupted'))
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return {
    signal: controller.signal,
    close() {
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
    },
  }
}
