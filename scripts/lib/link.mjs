// `npx kerf` in a checkout: npm links the commands of dependencies, not of the project itself.
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run.mjs'

/** Makes node_modules/.bin/kerf run dist/cli.js. */
export function linkCommand() {
  const folder = join(root, 'node_modules', '.bin')
  mkdirSync(folder, { recursive: true })
  const link = join(folder, 'kerf')
  if (process.platform === 'win32') {
    writeFileSync(`${link}.cmd`, '@node "%~dp0\\..\\..\\dist\\cli.js" %*\r\n')
    return
  }
  if (existsSync(link)) return
  rmSync(link, { force: true })
  symlinkSync(join('..', '..', 'dist', 'cli.js'), link)
}
