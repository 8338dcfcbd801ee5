import { backend } from './backend/backend.js'

/** Version of the core. Throws `ADDON_MISSING`. */
export function version(): string {
  return backend().version()
}
