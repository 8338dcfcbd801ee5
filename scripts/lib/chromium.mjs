// The Chromium of the tests: Debian's package, or the program that KERF_CHROMIUM names.
import { existsSync } from 'node:fs'
import { run, say, Stop } from './run.mjs'

const PROGRAM = process.env.KERF_CHROMIUM ?? '/usr/bin/chromium'

/** Installs it if there is none. Throws Stop where that is not possible. */
export function ensureChromium() {
  if (existsSync(PROGRAM)) return
  if (process.platform !== 'linux' || !existsSync('/usr/bin/apt-get')) {
    throw new Stop(`There is no Chromium at ${PROGRAM}; name one with KERF_CHROMIUM.`)
  }
  say('Installing Chromium')
  run('apt-get', ['update', '-qq'])
  run('apt-get', ['install', '-y', '-qq', 'chromium'])
}
