import { backend } from './backend/backend.js'
import { call, type RunOptions } from './call.js'
import { badOption, check, checkOptions, flag, integer, number, oneOf, path, type Rules } from './check.js'
import { ROUTERS } from './generated/index.js'
import type { RouteOptions as Options, RouteReport } from './generated/index.js'
import { modelRules, type ModelOptions } from './model.js'
import { calibration, toCalibration, type CompressOptions } from './options.js'
import { commandOf } from './report/routing/command.js'
import { writePage } from './report/write.js'
import { atLeastOne, size, type Size } from './size.js'
import { model as modelRule } from './source.js'
import { version } from './version.js'

/** Id of a router that {@link route} makes. */
export type Router = (typeof ROUTERS)[number]

/** Options that have another name or type here. */
type Changed = 'router' | 'maxMemoryBytes'

/** Options of {@link route}: the camelCase of the flags of `kerf route`. Every option has a default. */
export interface RouteOptions extends Omit<Options, Changed>, ModelOptions {
  /**
   * Which router: `static`, the default (the first and the most recent tokens go through a block), or `mlp`, a small network for all blocks
   * that learns, behind the search, to do better than that.
   */
  router?: Router
  /**
   * Text that the schedule is searched on: `'builtin'` (a sample that ships with kerf, the default), `'self'` (the model writes its own), the
   * path of a UTF-8 file, or the texts themselves.
   */
  calibration?: CompressOptions['calibration']
  /** Peak memory that the run may use, such as `'2GiB'`. Refused before the start if it cannot be kept. Default: no limit. */
  maxMemory?: Size
  /** Folder of the result. Default: NAME-router beside the model. It must not exist, unless `force` is given. */
  out?: string
  /** Replaces a result of kerf that is at `out` already, when the new one is whole; anything else stays. Default false. */
  force?: boolean
  /** Folder of what is found so far, removed after success. Default: a hidden sibling of `out`. */
  workDir?: string
  /** Path of a self-contained HTML page about the router, with its schedule. It is replaced if it exists. */
  report?: string
}

/** What {@link route} resolves to. */
export interface RouteResult extends RouteReport {
  /** The HTML page, if one was asked for. */
  reportFile?: string
}

/** Rule of every option, under its name in TypeScript. The core checks what needs to know the model. */
const rules: Rules = {
  ...modelRules,
  router: oneOf(ROUTERS),
  tokenSparsity: number(0, 0.95),
  calibration,
  tokens: integer(64),
  generations: integer(0),
  offspring: integer(1),
  steps: integer(1),
  learningRate: number(0),
  rank: integer(0),
  seed: integer(0),
  threads: integer(0, 1024),
  maxMemory: size,
  out: path,
  force: flag,
  workDir: path,
  report: path,
}

/**
 * Makes a router for a decoder in any form that kerf reads: it says which tokens pass a block by, so that long prompts take less time. The
 * weights of the model stay as they are. An evolutionary search finds how much each block may skip at a fixed mean, by the KL to the dense
 * model on calibration text; a router that learns is then taught by the same text. The result is a small folder for this model alone, which `generate` and `evaluate` take as `router`.
 *
 * Nothing appears under `out` before everything is written. A cancelled or killed run keeps what it found in `workDir`: the same call goes on
 * from there, and finds the same. In Node only.
 *
 * Errors: `BAD_OPTION`, `WRONG_KIND` (an encoder), `NO_TOKENIZER`, `CALIBRATION_EMPTY`, `MEMORY_LIMIT`, `LOSS_NOT_FINITE`,
 * `OUTPUT_EXISTS`, `DISK_FULL`, `CANCELLED` and those of reading a model.
 *
 *     const { out, measured } = await route('./my-llama', { tokenSparsity: 0.3, out: './my-router' })
 *     const { text, routing } = await generate('./my-llama', 'Once upon a time', { router: out })
 *     console.log(measured.at(-1)?.kl, text, routing?.skipped)
 *
 * @param model Folder as the Hugging Face hub lays it out, its id there, a single file, or what kerf wrote.
 * @param options How much to skip, and how it is searched.
 */
export async function route(model: string, options: RouteOptions & RunOptions = {}): Promise<RouteResult> {
  check('model', model, modelRule)
  checkOptions(options, rules)
  const { report: page } = options
  const unwritable = page === undefined ? undefined : await backend().files.whatToWrite(page)
  if (unwritable !== undefined) throw badOption('report', unwritable, page)
  const report = await call<RouteReport>('route', routeRequest(model, options), options)
  if (page === undefined) return report
  const { renderRouting } = await import('./report/pages.js')
  const data = {
    model: backend().files.name(model),
    report,
    command: commandOf(model, options, report),
    date: new Date().toISOString(),
    version: version(),
  }
  return { ...report, reportFile: await writePage(page, await renderRouting(data), report) }
}

/** The request of {@link route}. */
function routeRequest(model: string, given: RouteOptions & RunOptions): object {
  const { onProgress: _, signal: __, report: ___, calibration: source, ...options } = given
  const { out, force, workDir, architecture, maxMemory, ...core } = options
  const limit = maxMemory === undefined ? {} : { maxMemoryBytes: atLeastOne('maxMemory', maxMemory) }
  const places = { out, force, workDir, architecture }
  return { model, calibration: toCalibration(source), ...places, options: { ...core, ...limit } }
}
