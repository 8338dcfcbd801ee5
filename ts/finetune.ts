import { backend } from './backend/backend.js'
import { call, type RunOptions } from './call.js'
import {
  badOption,
  check,
  checkOptions,
  flag,
  integer,
  number,
  oneOf,
  path,
  texts,
  type Rules,
} from './check.js'
import { PRUNER_PARAMS, PRUNERS, RATE_SCHEDULES, TASKS } from './generated/index.js'
import type { FinetuneOptions as Options, FinetuneReport, PrunerParams } from './generated/index.js'
import { modelRules, type ModelOptions } from './model.js'
import { rulesOf } from './params.js'
import { atLeastOne, size, type Size } from './size.js'
import { commandOf } from './report/learning/command.js'
import { writePage } from './report/write.js'
import { file, model as modelRule } from './source.js'
import { version } from './version.js'

/** Kind of a task. */
export type Task = (typeof TASKS)[number]
/** Id of a way to remove weights while learning. */
export type Pruner = (typeof PRUNERS)[number]
/** How a learning rate may fall. */
export type RateSchedule = (typeof RATE_SCHEDULES)[number]

/** Options that have another name, type or place here. */
type Changed = 'params' | 'method' | 'rateSchedule' | 'maxMemoryBytes'

/** Options of {@link finetune}: the camelCase of the flags of `kerf finetune`. All but `task` and `data` have a default. */
export interface FinetuneOptions extends Omit<Options, Changed>, PrunerParams, ModelOptions {
  /**
   * What is learned: `'classification'` (a line each of text, tab, label, or of two texts and a label), `'similarity'` (CSV of sentence,
   * sentence, score), `'language'` (text), `'answering'` (the JSON of SQuAD) or `'completion'` (JSON lines or CSV of prompt and
   * completion).
   */
  task: Task
  /** File of the examples to learn from. */
  data: string
  /** File of examples that are measured and never learned from. Default: a share of `data` is held out (`heldOutShare`). */
  heldOut?: string
  /** Most tokens of an example; longer ones are cut. Default: what the model says, at most 256 (384 for `answering`). */
  maxTokens?: number
  /** How weights are removed while learning. Default: `mgpp` with a `sparsity`, else `dense`. */
  method?: Pruner
  /** How the learning rate falls after the warm-up. Default: `linear`. */
  rateSchedule?: RateSchedule
  /** Peak memory that the run may use, such as `'2GiB'`. Refused before the start if it cannot be kept. Default: no limit. */
  maxMemory?: Size
  /** Folder of the result. Default: NAME-tuned beside the model. It must not exist, unless `force` is given. */
  out?: string
  /** Replaces a result of kerf that is at `out` already, when the new one is whole; anything else stays. Default false. */
  force?: boolean
  /** Folder of checkpoints, removed after success. Default: a hidden sibling of `out`. */
  workDir?: string
  /** Path of a self-contained HTML page about the training, with the way of the loss. It is replaced if it exists. */
  report?: string
}

/** What {@link finetune} resolves to. */
export interface FinetuneResult extends FinetuneReport {
  /** The HTML page, if one was asked for. */
  reportFile?: string
}

/** Rule of every option, under its name in TypeScript. The core checks what needs to know the model. */
const rules: Rules = {
  ...rulesOf(PRUNER_PARAMS),
  ...modelRules,
  task: oneOf(TASKS),
  data: file,
  heldOut: file,
  maxTokens: integer(2),
  method: oneOf(PRUNERS),
  rateSchedule: oneOf(RATE_SCHEDULES),
  maxMemory: size,
  out: path,
  force: flag,
  workDir: path,
  report: path,
  epochs: number(0),
  steps: integer(1),
  batch: integer(1),
  accumulate: integer(1),
  learningRate: number(0),
  warmUp: number(0, 1),
  endRate: number(0, 1),
  weightDecay: number(0, 10),
  clip: number(0),
  seed: integer(0),
  evaluateEvery: integer(1),
  patience: integer(0),
  heldOutShare: number(0, 0.5),
  sparsity: number(0, 0.99),
  initialSparsity: number(0, 0.99),
  pruneStart: number(0, 1),
  pruneEnd: number(0, 1),
  pruneEvery: integer(1),
  distill: number(0, 1),
  freeze: texts,
  threads: integer(0, 1024),
}

/**
 * Teaches a model a task on its own files, and, with a `sparsity`, removes weights meanwhile: by magnitude under a mixture-Gaussian prior
 * (MGPP), or by another row of the table. A model without the head of the task gets one. The result is a dense model folder that other
 * tools load; `compress` with `keepMask` makes it small.
 *
 * Nothing appears under `out` before everything is written. A cancelled or killed run keeps its checkpoints in `workDir`: the same call
 * goes on from there, and gives the same bytes. In Node only.
 *
 * Errors: `BAD_OPTION`, `BAD_TASK_DATA`, `TOO_FEW_EXAMPLES`, `WRONG_KIND`, `LOSS_NOT_FINITE`, `MEMORY_LIMIT`, `OUTPUT_EXISTS`,
 * `DISK_FULL`, `CANCELLED` and those of reading a model. Memory: what the report plans (`plannedPeakBytes`), about 16 bytes for a weight.
 *
 *     const task = { task: 'classification', data: './reviews.tsv' } as const
 *     const { lossAfter, out } = await finetune('./all-MiniLM-L6-v2', { ...task, sparsity: 0.9, out: './sentiment' })
 *     console.log(lossAfter, out)
 *
 * @param model Folder as the Hugging Face hub lays it out, its id there, a single file, or what kerf wrote.
 * @param options What is learned, and how.
 */
export async function finetune(
  model: string,
  options: FinetuneOptions & RunOptions,
): Promise<FinetuneResult> {
  check('model', model, modelRule)
  checkOptions(options, rules)
  check('task', options.task, oneOf(TASKS))
  check('data', options.data, file)
  const { report: page } = options
  const unwritable = page === undefined ? undefined : await backend().files.whatToWrite(page)
  if (unwritable !== undefined) throw badOption('report', unwritable, page)
  const report = await call<FinetuneReport>('finetune', finetuneRequest(model, options), options)
  if (page === undefined) return report
  const { renderLearning } = await import('./report/pages.js')
  const date = new Date().toISOString()
  const data = {
    model: backend().files.name(model),
    report,
    command: commandOf(model, options, report),
    date,
  }
  const text = await renderLearning({ ...data, version: version() })
  return { ...report, reportFile: await writePage(page, text, report) }
}

/** The request of {@link finetune}. */
function finetuneRequest(model: string, given: FinetuneOptions & RunOptions): object {
  const { onProgress: _, signal: __, report: ___, ...options } = given
  const { task, data, heldOut, maxTokens, out, force, workDir, architecture, maxMemory, ...rest } = options
  const isParam = ([name]: [string, unknown]): boolean => Object.hasOwn(PRUNER_PARAMS, name)
  const set = Object.entries(rest).filter(([, value]) => value !== undefined)
  const core = Object.fromEntries(set.filter(entry => !isParam(entry)))
  const params = Object.fromEntries(set.filter(isParam))
  const limit = maxMemory === undefined ? {} : { maxMemoryBytes: atLeastOne('maxMemory', maxMemory) }
  const places = { out, force, workDir, architecture }
  return { model, task, data, heldOut, maxTokens, ...places, options: { ...core, ...limit, params } }
}
