import { EXIT } from './fail.js'

/** Cancels a command on Ctrl-C. */
export interface Interrupt {
  signal: AbortSignal
  /** Takes the handlers away, so that the process can end. */
  close: () => void
}

/** A second signal sooner than this is the same Ctrl-C: npx passes on to us what the terminal has sent us already. */
const SAME_PRESS_MS = 500

/** The first Ctrl-C (or a polite kill) cancels the work, the second ends the process at once. `onFirst` says so. */
export function openInterrupt(onFirst: () => void): Interrupt {
  const controller = new AbortController()
  let firstMs = 0
  const stop = (): void => {
    if (controller.signal.aborted) {
      if (performance.now() - firstMs > SAME_PRESS_MS) process.exit(EXIT.cancelled)
      return
    }
    firstMs = performance.now()
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
