// Where the files of the page are: beside this program in a checkout, in the package for browsers where kerf is installed.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KerfError } from '../errors.js'

const PACKAGE = '@kerf/browser'

/** The folder. Throws `NOT_FOUND` if the page is neither built nor installed. */
export function pageFolder(): string {
  const built = fileURLToPath(new URL('./page', import.meta.url))
  if (existsSync(built)) return built
  try {
    return dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`))
  } catch {
    const message = `the page is not here: run "npm install ${PACKAGE}" (in a checkout of kerf "npm run build:wasm")`
    throw new KerfError({ code: 'NOT_FOUND', message, details: { path: built } })
  }
}
