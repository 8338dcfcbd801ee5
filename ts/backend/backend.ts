import type { ProgressEvent } from '../generated/index.js'
import type { FileSource, Model, Target } from '../source.js'

/** Numbers that crossed as they are. */
export type Numbers = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>

/** The end of a call, as both bindings give it. */
export interface Answer {
  /** `{"ok": response}` or `{"error": {code, message, details}}`. */
  json: string
  /** Fields of the response that are arrays of numbers: they never become text. */
  arrays: Readonly<Record<string, Numbers>>
}

/** A call that runs. */
export interface Running {
  /** The core's answer. */
  answer: Promise<Answer>
  /** Asks it to stop at its next unit of work; the answer is then the error `CANCELLED`. */
  cancel: () => void
}

/** Files that TypeScript itself reads and writes: a report, texts for samples. Models and results are the core's. */
export interface Files {
  /** What a path must be to be written as a file, if it is not; `undefined` if it can be written. */
  whatToWrite: (path: string) => Promise<string | undefined>
  /** What a path must be to be read as a file, if it is not. */
  whatToRead: (file: string | FileSource) => Promise<string | undefined>
  /** The beginning of a UTF-8 file, or all of a small one, without a byte order mark. `NOT_UTF8` if it is none. */
  read: (file: string | FileSource) => Promise<string>
  /**
   * Writes a file under a hidden name beside it and renames it, so that it is there whole or not at all. Resolves to its path as
   * others can use it.
   */
  write: (path: string, text: string) => Promise<string>
  /** Whether two files are the same. */
  isSame: (a: string | FileSource, b: string | FileSource) => boolean
  /** Last part of a path, or the name of what has no path. */
  name: (model: Model) => string
}

/** A result on its way to what is no path. */
export interface Delivery {
  /** Where the core writes it. */
  path: string
  /** Refuses what cannot be written to, before the work. `force`: a result of kerf that is there gives way. */
  prepare: (force: boolean) => Promise<void>
  /** Brings it to its target; resolves to what the result is called there. */
  deliver: (onEvent: (event: ProgressEvent) => void) => Promise<string>
}

/** Where the core runs: an addon in this process, or (in a page) a worker. It knows no function by name. */
export interface Backend {
  /** Starts a function of the core. All events arrive before the answer. */
  start: (command: string, request: object, onEvent: (event: ProgressEvent) => void) => Running
  /** Version of the core. */
  version: () => string
  /** Instruction set that the core uses on this machine by default. */
  isa: () => string
  /** Files of the host. */
  files: Files
  /** How a result gets to a target that is no path. */
  deliver?: (target: Target, model: Model) => Delivery
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
