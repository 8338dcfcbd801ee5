// Where the addon is: beside the built code (a checkout), or in the package of this platform (an installation).
import { existsSync, readdirSync } from 'node:fs'
import { join, sep } from 'node:path'

const SCOPE = '@kerf'
const PREFIX = 'node-'

/** Name of the package that has the addon of a platform. */
export function addonPackage(platform: string): string {
  return `${SCOPE}/${PREFIX}${platform}`
}

/** File of the addon that a checkout builds. */
export function builtAddon(folder: string, platform: string): string {
  return join(folder, `kerf.${platform}.node`)
}

/** The addon beside the code, else that of the platform's package; `undefined` if there is neither. */
export function findAddon(require: NodeJS.Require, folder: string, platform: string): string | undefined {
  const built = builtAddon(folder, platform)
  const found = existsSync(built) ? built : resolvePackage(require, addonPackage(platform))
  return found === undefined ? undefined : unpacked(found)
}

/** Platforms whose packages are installed where this one's should be: what a copied node_modules has. */
export function installedPlatforms(require: NodeJS.Require): string[] {
  const folders = require.resolve.paths(addonPackage('any')) ?? []
  const names = folders.flatMap(folder => namesIn(join(folder, SCOPE)))
  return [...new Set(names)]
    .filter(name => name.startsWith(PREFIX))
    .map(name => name.slice(PREFIX.length))
    .sort()
}

function resolvePackage(require: NodeJS.Require, name: string): string | undefined {
  try {
    return require.resolve(name)
  } catch {
    return undefined
  }
}

/**
 * An operating system cannot load a library out of Electron's archive. electron-builder and forge put what matches `asarUnpack`
 * beside it, under the same path in `app.asar.unpacked`; without that Electron copies the file to a temporary folder at each start.
 */
function unpacked(file: string): string {
  const outside = file.replace(`.asar${sep}`, `.asar.unpacked${sep}`)
  return existsSync(outside) ? outside : file
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
