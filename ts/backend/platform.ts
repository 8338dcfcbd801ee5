import { existsSync, readdirSync } from 'node:fs'

/** Platforms that have a package `@kerf/node-PLATFORM`: those of `napi.targets` in package.json. */
export const PLATFORMS = [
  'linux-x64-gnu',
  'linux-arm64-gnu',
  'linux-x64-musl',
  'linux-arm64-musl',
  'darwin-arm64',
  'darwin-x64',
  'win32-x64-msvc',
] as const

/** Name of the platform as napi-rs has it, such as `linux-x64-gnu`. */
export function platformTriple(): string {
  const { platform, arch } = process
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`
  if (platform === 'win32') return `win32-${arch}-msvc`
  return `${platform}-${arch}`
}

/** What this Node was linked with, which need not be what the rest of the system uses. */
function isMusl(): boolean {
  const { header } = reportOfProcess()
  if (header) return header.glibcVersionRuntime === undefined
  // A host without reports (some builds of Electron): musl's loader is where no glibc system has it.
  return existsSync('/lib') && readdirSync('/lib').some(name => name.startsWith('ld-musl-'))
}

function reportOfProcess(): { header?: { glibcVersionRuntime?: string } } {
  const { report } = process as { report?: NodeJS.ProcessReport & { excludeNetwork?: boolean } }
  if (!report) return {}
  // Otherwise it looks up the name of every open connection, which can take seconds.
  const before = report.excludeNetwork
  report.excludeNetwork = true
  try {
    return report.getReport() as ReturnType<typeof reportOfProcess>
  } finally {
    report.excludeNetwork = before ?? false
  }
}
