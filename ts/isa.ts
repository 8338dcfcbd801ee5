import { backend } from './backend/backend.js'

/**
 * Id of the instruction set that kerf uses on this machine unless told otherwise. Throws
 * as `version` does.
 *
 *     const id = isa() // such as 'avx2'
 */
export function isa(): string {
  return backend().isa()
}
