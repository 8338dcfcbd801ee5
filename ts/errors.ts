import type { ErrorCode } from './generated/index.js'

/** Codes of the errors that arise before the core is reached. */
export type HostErrorCode = 'ADDON_MISSING' | 'ADDON_BROKEN' | 'CONFIG_INVALID'

/** Every code that a {@link KerfError} can have. */
export type KerfErrorCode = ErrorCode | HostErrorCode

/** An error as it crosses from the core: a stable code, one sentence, and the fields behind it. */
export interface ErrorData {
  code: KerfErrorCode
  message: string
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
  readonly code: KerfErrorCode
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
