import { createRequire } from 'node:module'
import { join } from 'node:path'
import { brokenAddon, missingAddon, wrongVersion } from './addon-errors.js'
import type { Answer } from './backend.js'
import { isBundled } from './bundled.js'
import { builtAddon, findAddon, installedPlatforms } from './find-addon.js'

/** Asks a running call to stop. */
export interface CancelToken {
  cancel(): void
}

/** What bindings/node exports. */
export interface Addon {
  CancelToken: new () => CancelToken
  invoke(
    command: string,
    requestJson: string,
    onEvent: (eventJson: string) => void,
    token: CancelToken,
  ): Promise<Answer>
  version(): string
  isa(): string
}

/** The addon for code in `folder`. Throws `PLATFORM_UNSUPPORTED`, `ADDON_MISSING`, `ADDON_BROKEN` or `ADDON_VERSION`. */
export function loadAddon(folder: string, platform: string, version: string): Addon {
  // webpack leaves nothing of it in what it bundles.
  const require = createRequire(join(folder, 'index.js')) as NodeJS.Require | undefined
  const found = require && findAddon(require, folder, platform)
  if (require === undefined || found === undefined) {
    const installed = require ? installedPlatforms(require) : []
    const file = builtAddon(folder, platform)
    throw missingAddon({ platform, file, installed, isBundled: !require || isBundled(folder) })
  }
  const addon = load(require, found)
  const actual = addon.version()
  if (actual !== version) throw wrongVersion(found, platform, version, actual)
  return addon
}

function load(require: NodeJS.Require, file: string): Addon {
  try {
    return require(file) as Addon
  } catch (error) {
    throw brokenAddon(file, error)
  }
}
