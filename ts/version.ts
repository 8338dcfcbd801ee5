import { backend } from './backend/backend.js'

/**
 * Version of the core. Throws a `KerfError` with one of {@link HostErrorCode} if it cannot be loaded.
 *
 *     const core = version()
 */
export function version(): string {
  return backend().version()
}
