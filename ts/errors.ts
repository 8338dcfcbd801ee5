import type { ErrorCode } from './generated/index.js'

/**
 * Codes of the errors that arise before the core is reached.
 *
 * - `PLATFORM_UNSUPPORTED`: kerf is not built for this system and processor.
 * - `ADDON_MISSING`: the package with the addon of this platform is not installed; the message names it and says why.
 * - `ADDON_BROKEN`: the addon is there and cannot be loaded.
 * - `CONFIG_INVALID`: a `kerf.config` file cannot be read or says what cannot be; the message names file and option.
 * - `DOWNLOAD_FAILED`: a model of the hub did not arrive; files that are whole are kept, and the same call goes on.
 * - `ADDON_VERSION`: the addon is of another version than the package.
 * - `WORKER_FAILED`: in a page: the worker or the WebAssembly module cannot be loaded; the message names the file.
 * - `STORAGE_UNAVAILABLE`: in a page: there is no origin private file system here.
 * - `STORAGE_BUSY`: in a page: another tab of this site works with it.
 * - `CLOSED`: a call on an open model after its `close`.
 * - `NO_CHAT_TEMPLATE`: `chat` with a model whose files do not say how it reads a conversation.
 * - `BAD_CHAT_TEMPLATE`: the template of the model refuses a conversation, such as one without a turn of the user; the message says why.
 */
export type HostErrorCode =
  | 'PLATFORM_UNSUPPORTED'
  | 'ADDON_MISSING'
  | 'ADDON_BROKEN'
  | 'ADDON_VERSION'
  | 'CONFIG_INVALID'
  | 'DOWNLOAD_FAILED'
  | 'WORKER_FAILED'
  | 'STORAGE_UNAVAILABLE'
  | 'STORAGE_BUSY'
  | 'CLOSED'
  | 'NO_CHAT_TEMPLATE'
  | 'BAD_CHAT_TEMPLATE'

/** Every code that a {@link KerfError} can have. */
export type KerfErrorCode = ErrorCode | HostErrorCode

/** An error as it crosses from the core: a stable code, one sentence, and the fields behind it. */
export interface ErrorData {
  /** Stable name of what went wrong. */
  code: KerfErrorCode
  /** One sentence that names the thing and the fix. Options of the API in it are between backticks. */
  message: string
  /**
   * Fields of that code, such as `path`, `tensor`, `expected` and `actual`. A `BAD_OPTION` has `option`, `expected` and `actual`, and
   * where there are any `suggestions` (names that may have been meant) or the `reason` why the option may not be given at all.
   */
  details: Readonly<Record<string, unknown>>
}

/**
 * Whatever stopped a function. `message` is one sentence that names the thing and the fix; programs look at `code`, which is
 * stable, and at `details`, the fields of that code (`tensor`, `path`, `expected`, ...).
 *
 * A call that was aborted rejects with code `CANCELLED`; its `cause` is the signal's `reason`.
 */
export class KerfError extends Error {
  override readonly name = 'KerfError'
  /** Stable name of what went wrong. */
  readonly code: KerfErrorCode
  /** Fields of that code, such as `path`, `tensor`, `expected` and `actual`. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(data: ErrorData, options?: ErrorOptions) {
    super(data.message, options)
    this.code = data.code
    this.details = data.details
  }

  /** What `--json` prints and what a log should keep. */
  toJSON(): ErrorData {
    return { code: this.code, message: this.message, details: this.details }
  }
}
