// Where things are: the repository, the data beside it, scratch space.
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Root of the repository. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** Real models and texts, beside the repository. */
export const shared = resolve(process.env.KERF_SHARED ?? join(root, '..', 'shared'))

/** A path in ../shared; ends the bench with a clear word if it is absent. */
export function sharedPath(...parts) {
  const path = join(shared, ...parts)
  if (!existsSync(path))
    fail(`this bench needs ${join('..', 'shared', ...parts)} (or KERF_SHARED), which is absent`)
  return path
}

/** A folder under .work/bench, which git ignores. */
export function scratch(...parts) {
  const path = join(root, '.work', 'bench', ...parts)
  mkdirSync(path, { recursive: true })
  return path
}

/** Ends the process with one line on stderr. */
export function fail(message) {
  process.stderr.write(`bench: ${message}\n`)
  process.exit(1)
}
