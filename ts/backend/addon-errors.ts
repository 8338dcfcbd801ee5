// Why there is no addon, and what to do about it.
import { dirname } from 'node:path'
import { KerfError } from '../errors.js'
import { addonPackage } from './find-addon.js'
import { PLATFORMS } from './platform.js'

const AGAIN = 'remove node_modules and run "npm install" on this machine'

const BUNDLED =
  "leave kerf out of the bundle (external: ['kerf'] in esbuild; docs/bundlers.md has the others), " +
  'and have node_modules/kerf where the program runs; in a checkout of kerf run "npm run build"'

/** What was looked for. */
export interface Wanted {
  /** Platform of this process. */
  platform: string
  /** File that a checkout would have. */
  file: string
  /** Platforms whose packages are there. */
  installed: readonly string[]
  /** Whether kerf's code is part of another program's file. */
  isBundled: boolean
}

/** There is no addon for this process. */
export function missingAddon({ platform, file, installed, isBundled }: Wanted): KerfError {
  const packageName = addonPackage(platform)
  const details = { platform, packageName, file, installed, isBundled }
  if (!(PLATFORMS as readonly string[]).includes(platform)) {
    const message =
      `kerf has no package for ${platform}, only for ${PLATFORMS.join(', ')}; ` +
      'use a Node of one of these, or build kerf from its repository with "npm run build"'
    return new KerfError({ code: 'PLATFORM_UNSUPPORTED', message, details })
  }
  const subject = `the package ${packageName}, kerf's addon for this Node (${platform}),`
  const message = isBundled
    ? `${subject} cannot be found from ${dirname(file)}, because kerf was bundled into a file there: ${BUNDLED}`
    : `${subject} is not installed: ${cause(platform, installed)}`
  return new KerfError({ code: 'ADDON_MISSING', message, details })
}

function cause(platform: string, installed: readonly string[]): string {
  if (installed.length === 0) {
    return (
      `optional dependencies were left out; ${AGAIN}, without --omit=optional ` +
      '(and without a lock file that was made with it); in a checkout of kerf run "npm run build"'
    )
  }
  const others = installed.map(addonPackage).join(' and ')
  return `${others} ${installed.length === 1 ? 'is' : 'are'}${becauseOf(platform, installed)}; ${AGAIN}`
}

/** The three ways in which people get the packages of another platform. */
function becauseOf(platform: string, installed: readonly string[]): string {
  const [system, arch] = platform.split('-')
  const same = installed.map(other => other.split('-')).filter(([otherSystem]) => otherSystem === system)
  if (same.length === 0) return ', because node_modules comes from another system (copied into a container?)'
  if (same.some(([, otherArch]) => otherArch === arch)) {
    return ', because node_modules comes from a system with another C library (glibc or musl)'
  }
  return `, because it was installed for another processor than this Node's, ${arch}`
}

/** The addon is there, and the system does not load it. */
export function brokenAddon(file: string, error: unknown): KerfError {
  const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
  const message = `the addon ${file} cannot be loaded (${reason}): ${fix(file, reason)}`
  return new KerfError({ code: 'ADDON_BROKEN', message, details: { file, reason } }, { cause: error })
}

/** What systems say, and what helps. */
const FIXES: readonly (readonly [RegExp, string])[] = [
  [
    /GLIBC_|GLIBCXX_/,
    'this system is older than the addon needs; use a newer one, or build kerf from its repository',
  ],
  [/libc\.musl|ld-musl/, `it is for musl, this system has glibc; ${AGAIN}`],
  [
    /invalid ELF header|Exec format|not a mach-o|incompatible architecture|not a valid Win32/i,
    `it is for another system or processor, or damaged; ${AGAIN}`,
  ],
  [/file too short|truncated/i, `the file is damaged; ${AGAIN}`],
  [
    /failed to map segment|not permitted|permission denied/i,
    'the folder is on a disk from which no program may run (noexec); install elsewhere',
  ],
]

function fix(file: string, reason: string): string {
  if (/\.asar[\\/]/.test(file))
    return 'add "**/*.node" to asarUnpack of the packager, so that it lies outside the archive'
  return (
    FIXES.find(([words]) => words.test(reason))?.[1] ?? `${AGAIN}; in a checkout of kerf run "npm run build"`
  )
}

/** The addon is there and is not of this version: half an update. */
export function wrongVersion(file: string, platform: string, expected: string, actual: string): KerfError {
  const packageName = addonPackage(platform)
  const message =
    `kerf is ${expected}, but its addon ${file} is ${actual}; run "npm install kerf@${expected}" ` +
    `so that ${packageName} has the same version; in a checkout of kerf run "npm run build"`
  return new KerfError({ code: 'ADDON_VERSION', message, details: { file, packageName, expected, actual } })
}
