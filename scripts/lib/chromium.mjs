// The Chromium of the tests: Debian's package, or the program that KERF_CHROMIUM names.
import { existsSync } from 'node:fs'
import { fetchWith, Missing, say } from './run.mjs'

const PROGRAM = process.env.KERF_CHROMIUM ?? '/usr/bin/chromium'

/** Installs it if there is none. Throws Missing where that is not possible. */
export function ensureChromium() {
  if (existsSync(PROGRAM)) return
  if (process.platform !== 'linux' || !existsSync('/usr/bin/apt-get')) {
    throw new Missing(`There is no Chromium at ${PROGRAM}; name one with KERF_CHROMIUM.`)
  }
  say('Installing Chromium')
  fetchWith('apt-get', ['update', '-qq'])
  fetchWith('apt-get', ['install', '-y', '-qq', 'chromium'])
}
