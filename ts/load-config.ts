import { existsSync, readFileSync } from 'node:fs'
import { dirname, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { here } from './backend/here.js'
import { absolute } from './backend/home.js'
import { modelId } from './backend/hub/model-id.js'
import { check, checkOptions, path } from './check.js'
import type { KerfConfig } from './config.js'
import { KerfError } from './errors.js'
import { checkCompressOptions, PATH_OPTIONS, type CompressOptions } from './options.js'
import { afterRules, splitAfter, type AfterOptions } from './quality/options.js'
import { decodeText } from './text.js'

/** A configuration that was read and checked. */
export interface LoadedConfig {
  /** Path of its file. */
  file: string
  /** Folder or file of the model, or its id on the hub, if it names one. */
  model?: string
  /** Options of `compress` and `plan`; paths are absolute. */
  options: CompressOptions & AfterOptions
}

/** Names that are looked for, and how a file of each extension is read. */
const READERS: Readonly<Record<string, (file: string) => Promise<unknown>>> = {
  '.ts': readTypeScript,
  '.mts': readTypeScript,
  '.cts': readTypeScript,
  '.js': readModule,
  '.mjs': readModule,
  '.cjs': readModule,
  '.json': readJson,
}

/**
 * Reads `file`, or the `kerf.config.ts`, `.mts`, `.cts`, `.js`, `.mjs`, `.cjs` or `.json` of the working folder; resolves to
 * undefined if there is none of these. A TypeScript file is run as it is, without being type-checked.
 *
 * Errors: `CONFIG_INVALID` (names the file, and the option with what was expected and what came; also two configurations beside
 * each other).
 *
 *     const { options } = (await loadConfig('./small.config.json')) ?? {}
 */
export async function loadConfig(file?: string): Promise<LoadedConfig | undefined> {
  if (file !== undefined) check('config', file, path)
  const found = file === undefined ? find() : absolute(file)
  if (found === undefined) return undefined
  const read = READERS[extname(found)]
  if (!existsSync(found)) throw invalid(found, 'it does not exist')
  if (!read) throw invalid(found, `its name must end in one of ${Object.keys(READERS).join(', ')}`)
  let config: unknown
  try {
    config = await read(found)
  } catch (error) {
    throw invalid(found, error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error), error)
  }
  return checked(found, config)
}

function find(): string | undefined {
  const here = Object.keys(READERS)
    .map(extension => resolve(`kerf.config${extension}`))
    .filter(candidate => existsSync(candidate))
  const [first, second] = here
  if (first !== undefined && second !== undefined) {
    throw invalid(first, `${second} is there too: remove one, or name one (kerf: --config FILE)`)
  }
  return first
}

function checked(file: string, config: unknown): LoadedConfig {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw invalid(file, 'it must export one object, as its default')
  }
  const { $schema: _schema, model, ...options } = config as KerfConfig
  try {
    if (model !== undefined) check('model', model, path)
    const { core, after } = splitAfter(options)
    checkOptions(after, afterRules)
    checkCompressOptions(core)
  } catch (error) {
    if (error instanceof KerfError) throw invalid(file, error.message, error, error.details)
    throw error
  }
  const from = dirname(file)
  const loaded: LoadedConfig = { file, options: withWholePaths(from, options) }
  // An id of the hub is no path.
  if (model !== undefined) loaded.model = modelId(model, from) ? model : absolute(model, from)
  return loaded
}

/** Paths of a configuration are relative to its file, wherever it is used. */
function withWholePaths(from: string, options: LoadedConfig['options']): LoadedConfig['options'] {
  const result: Record<string, unknown> = { ...options }
  for (const name of [...PATH_OPTIONS, ...Object.keys(afterRules)]) {
    const value = result[name]
    if (typeof value !== 'string') continue
    const isWord = name === 'calibration' && (value === 'builtin' || value === 'self')
    if (!isWord) result[name] = absolute(value, from)
  }
  return result
}

/** `import { defineConfig } from 'kerf'` finds this very package, wherever the configuration lies. */
async function readTypeScript(file: string): Promise<unknown> {
  const { createJiti } = await import('jiti')
  const self = resolve(here(), 'index.js')
  const jiti = createJiti(self, { alias: { kerf: self }, moduleCache: false })
  return jiti.import(file, { default: true })
}

async function readModule(file: string): Promise<unknown> {
  const module = (await import(pathToFileURL(file).href)) as { default?: unknown }
  return module.default
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(decodeText(readFileSync(file), file)) as unknown
}

function invalid(
  file: string,
  reason: string,
  cause?: unknown,
  details: Readonly<Record<string, unknown>> = {},
): KerfError {
  const message = `configuration ${file}: ${reason}`
  return new KerfError({ code: 'CONFIG_INVALID', message, details: { ...details, file, reason } }, { cause })
}
