// Errors of the worker itself, in the words of the core.
import type { ErrorData } from '../../../errors.js'

/** An error that already has code and details. */
export class Failure extends Error {
  constructor(readonly data: ErrorData) {
    super(data.message)
  }
}

/** `IO`, naming a file and what was said of it. */
export function io(path: string, reason: string, kind = 'Other'): Failure {
  const message = `${path}: ${reason}`
  return new Failure({ code: 'IO', message, details: { path, kind, reason } })
}

/** `NOT_FOUND`, as the core says it. */
export function notFound(path: string): Failure {
  return new Failure({ code: 'NOT_FOUND', message: `${path} does not exist`, details: { path } })
}

/** Whatever was thrown, as data. */
export function toData(error: unknown, path: string): ErrorData {
  if (error instanceof Failure) return error.data
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  if (name === 'QuotaExceededError') {
    const reason = 'this site may keep no more on the disk'
    return { code: 'DISK_FULL', message: `${path}: ${reason}`, details: { path } }
  }
  if (name === 'NotFoundError') return notFound(path).data
  return io(path, message, name).data
}
