import type { ProgressEvent } from '../generated/index.js'
import type { Files } from './files.js'

/** A call that runs. */
export interface Running {
  /** The core's answer as JSON: `{"ok": response}` or `{"error": {code, message, details}}`. */
  answer: Promise<string>
  /** Asks it to stop at its next unit of work; the answer is then the error `CANCELLED`. */
  cancel: () => void
}

/** Where the core runs: an addon in this process, or (in a page) a worker. It knows no function by name. */
export interface Backend {
  /** Starts a function of the core. All events arrive before the answer. */
  start: (command: string, requestJson: string, onEvent: (event: ProgressEvent) => void) => Running
  /** Version of the core. */
  version: () => string
  /** Instruction set that the core uses on this machine by default. */
  isa: () => string
  /** Files of the host. */
  files: Files
}

let load: (() => Backend) | undefined
let loaded: Backend | undefined

/** Names the backend of this build; it is loaded at the first call, so that an import never fails. */
export function provideBackend(loader: () => Backend): void {
  load = loader
}

/** The backend. Throws one of `HostErrorCode` if it cannot be loaded. */
export function backend(): Backend {
  if (!load) throw new Error('kerf: no backend in this build')
  return (loaded ??= load())
}
