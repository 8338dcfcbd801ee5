import { backend } from './backend/backend.js'

/**
 * Id of the instruction set that kerf uses on this machine unless told otherwise. Throws
 * as `version` does.
 */
export function isa(): string {
  return backend().isa()
}
