import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { KerfError } from '../errors.js'
import type { ProgressEvent } from '../generated/index.js'
import type { Backend } from './backend.js'
import { nodeFiles } from './files.js'
import { platformTriple } from './platform.js'

interface CancelToken {
  cancel(): void
}

/** What bindings/node exports. */
interface Addon {
  CancelToken: new () => CancelToken
  invoke(
    command: string,
    requestJson: string,
    onEvent: (eventJson: string) => void,
    token: CancelToken,
  ): Promise<string>
  version(): string
  isa(): string
}

/** The Rust addon in this process, on threads of its own: the event loop stays free. */
export function nodeBackend(): Backend {
  const addon = loadAddon(fileURLToPath(new URL('.', import.meta.url)), platformTriple())
  return {
    start(command, requestJson, onEvent) {
      const token = new addon.CancelToken()
      const listener = (eventJson: string): void => onEvent(JSON.parse(eventJson) as ProgressEvent)
      const answer = addon.invoke(command, requestJson, listener, token)
      return { answer, cancel: () => token.cancel() }
    },
    version: () => addon.version(),
    isa: () => addon.isa(),
    files: nodeFiles,
  }
}

/** The addon beside this file (a checkout), else the platform's package (an installation from a registry). */
function loadAddon(folder: string, triple: string): Addon {
  const require = createRequire(import.meta.url)
  const file = `${folder}kerf.${triple}.node`
  const packageName = `@kerf/node-${triple}`
  const found = existsSync(file) ? file : resolvePackage(require, packageName)
  if (found === undefined) throw missing(file, packageName, triple)
  try {
    return require(found) as Addon
  } catch (error) {
    throw broken(found, error)
  }
}

function resolvePackage(require: NodeJS.Require, name: string): string | undefined {
  try {
    return require.resolve(name)
  } catch {
    return undefined
  }
}

function missing(file: string, packageName: string, platform: string): KerfError {
  const message =
    `kerf has no addon for ${platform}: neither ${file} nor the package ${packageName} exists; ` +
    'in a checkout run "npm run build", else install again without --omit=optional'
  return new KerfError({ code: 'ADDON_MISSING', message, details: { file, packageName, platform } })
}

function broken(file: string, error: unknown): KerfError {
  const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
  const message = `the addon ${file} cannot be loaded: ${reason}; in a checkout run "npm run build", else install again`
  return new KerfError({ code: 'ADDON_BROKEN', message, details: { file, reason } }, { cause: error })
}
