import {
  check,
  checkOptions,
  flag,
  integer,
  number,
  oneOf,
  path,
  text,
  type Rule,
  type Rules,
} from './check.js'
import type { RunOptions } from './call.js'
import {
  FORMATS,
  GRANULARITIES,
  ISAS,
  LOSS_SCALES,
  METHOD_PARAMS,
  METHODS,
  PRESETS,
  QUALITIES,
  SCHEDULES,
} from './generated/index.js'
import type { Calibration, CompressRequest, Options } from './generated/index.js'
import { modelRules, type ModelOptions } from './model.js'
import { rulesOf } from './params.js'
import { recoverRequest, recoverRules, type RecoverOptions } from './recover.js'
import { bits, checkMatrixRules, type MatrixRule } from './rules.js'
import { atLeastOne, parseSize, size, type Size } from './size.js'
import { file, model as modelRule, target, type FileSource, type Model, type WithSources } from './source.js'

/** Id of a method. */
export type Method = (typeof METHODS)[number]
/** Id of a schedule. */
export type Schedule = (typeof SCHEDULES)[number]
/** What a schedule gives a share of its own. */
export type Granularity = (typeof GRANULARITIES)[number]
/** What makes losses of different matrices comparable. */
export type LossScale = (typeof LOSS_SCALES)[number]
/** Name of a size. */
export type Preset = (typeof PRESETS)[number]
/** Name of an effort. */
export type QualityLevel = (typeof QUALITIES)[number]
/** Id of a form in which kerf writes a model. */
export type Format = (typeof FORMATS)[number]
/** Id of an instruction set. */
export type Isa = (typeof ISAS)[number]

/** Options whose values have a type of their own here. What each of them does, and its default, say the doc comments of the core. */
interface Ids {
  preset: Preset
  quality: QualityLevel
  method: Method
  schedule: Schedule
  granularity: Granularity
  lossScale: LossScale
  format: Format
  isa: Isa
  rules: readonly MatrixRule[]
}

type Narrowed = { [K in keyof Options]?: K extends keyof Ids ? Ids[K] : Options[K] }
/** Options that have another name and another unit here. */
type Renamed = 'dampingRel' | 'maxMemoryBytes' | 'targetBytes' | 'maxShardBytes' | 'recover'

/** Options of `compress` and `plan`: the camelCase of the flags of `kerf compress`. Every one has a default. */
export interface CompressOptions extends Omit<Narrowed, Renamed>, RecoverOptions, ModelOptions {
  /**
   * Folder of the result. Default: NAME-kerf beside the model, or in the working folder for a model of the hub. It must not exist, unless
   * `force` is given.
   */
  out?: string
  /** Replaces a result of kerf that is at `out` already, when the new one is whole; anything else stays. Default false. */
  force?: boolean
  /** Folder of the journal, removed after success. Default: a hidden sibling of `out`. */
  workDir?: string
  /**
   * Text that shows the model what it will be used for: `'builtin'` (a sample that ships with kerf, the default), `'self'` (the
   * model writes its own; decoders only), the path of a UTF-8 file (encoders: one text a line), or the texts themselves.
   */
  calibration?: 'builtin' | 'self' | (string & {}) | readonly string[]
  /** Size that all files of the result may have together, such as `'10MB'`; as `targetBits` else. */
  targetBytes?: Size
  /** Damping of the Hessian, relative to the mean of its diagonal (of each entry at most four times the median); raised tenfold as often as needed. Default 0.01. */
  damping?: number
  /** Peak memory that the run may use, such as `'2GiB'`. Refused before the start if it cannot be kept. Default: no limit. */
  maxMemory?: Size
  /** Whether to foresee the time (`seconds`, `plannedSeconds`), which itself takes a fraction of a second. Default true. */
  estimate?: boolean
  /** Largest file of the result, such as `'2GB'`. Default 5 GB. */
  maxShardSize?: Size
}

/** What a calibration text may be. */
export const calibration: Rule = {
  expected: "'builtin', 'self', the path of a text file, or an array of texts",
  test: value => file.test(value) || (Array.isArray(value) && value.every(item => typeof item === 'string')),
}

const rules: Rule = { expected: 'an array of rules', test: Array.isArray }

/** Options that are paths; `calibration` may be. */
export const PATH_OPTIONS = ['out', 'workDir', 'calibration', 'architecture'] as const

/** Rule of every parameter of a method. Which method has which, the core checks. */
const paramRules = rulesOf(METHOD_PARAMS)

/** Rule of every option, under its name in TypeScript. The core checks what needs to know the model. */
export const compressRules: Rules = {
  ...paramRules,
  ...recoverRules,
  ...modelRules,
  out: target,
  force: flag,
  workDir: path,
  calibration,
  preset: oneOf(PRESETS),
  quality: oneOf(QUALITIES),
  rules,
  sparsity: number(0, 0.99),
  keepMask: flag,
  bits,
  targetBits: number(0.5, 16),
  targetBytes: size,
  groupSize: integer(0),
  headBits: bits,
  method: oneOf(METHODS),
  schedule: oneOf(SCHEDULES),
  granularity: oneOf(GRANULARITIES),
  levels: integer(0),
  slope: number(0, 1),
  lossScale: oneOf(LOSS_SCALES),
  generations: integer(0),
  pattern: text,
  embeddingBits: bits,
  embeddingSparsity: number(0, 0.99),
  tokens: integer(1),
  damping: number(0, 1),
  blend: number(0, 1),
  maxMemory: size,
  threads: integer(0, 1024),
  seed: integer(0),
  maxLoss: number(0),
  strict: flag,
  isa: oneOf(ISAS),
  format: oneOf(FORMATS),
  maxShardSize: size,
  estimate: flag,
}

/** Throws `BAD_OPTION` for the first option that cannot be. */
export function checkCompressOptions(options: WithSources<CompressOptions> & RunOptions): void {
  checkOptions(options, compressRules)
  if (options.rules) checkMatrixRules(options.rules)
}

/** A request in which a page's sources are still themselves; its backend gives them paths. */
type PageRequest = Omit<CompressRequest, 'model' | 'architecture' | 'calibration'> & {
  model: Model
  architecture?: string | FileSource
  calibration: PageCalibration
}

type PageCalibration = Calibration | { file: string | FileSource }

/** The request of `compress` and `plan`. Throws `BAD_OPTION` for the first parameter that cannot be. */
export function compressRequest(
  model: Model,
  options: WithSources<CompressOptions> & RunOptions,
): PageRequest {
  check('model', model, modelRule)
  checkCompressOptions(options)
  const {
    onProgress,
    signal,
    out,
    force,
    workDir,
    architecture,
    calibration: source,
    damping,
    maxMemory,
    maxShardSize,
    targetBytes,
    rules: matrixRules,
    estimate,
    recover,
    recoverBy,
    recoverText,
    recoverRate,
    ...rest
  } = options
  const core: Partial<Options> = rest
  const request: PageRequest = { model, calibration: toCalibration(source), options: core }
  if (matrixRules !== undefined) core.rules = [...matrixRules]
  // Another target gets what is under a path of the backend's choice.
  if (typeof out === 'string') request.out = out
  if (force !== undefined) request.force = force
  if (estimate !== undefined) request.estimate = estimate
  if (workDir !== undefined) request.workDir = workDir
  if (architecture !== undefined) request.architecture = architecture
  const recovery = recoverRequest({ recover, recoverBy, recoverText, recoverRate })
  if (recovery !== undefined) core.recover = recovery
  if (damping !== undefined) core.dampingRel = damping
  if (maxMemory !== undefined) core.maxMemoryBytes = atLeastOne('maxMemory', maxMemory)
  if (targetBytes !== undefined) core.targetBytes = atLeastOne('targetBytes', targetBytes)
  if (maxShardSize !== undefined) core.maxShardBytes = parseSize('maxShardSize', maxShardSize)
  return request
}

/** A calibration text as the core takes it. */
export function toCalibration(source: WithSources<CompressOptions>['calibration']): PageCalibration {
  if (source === undefined || source === 'builtin') return 'builtin'
  if (source === 'self') return 'self'
  return isTexts(source) ? { texts: [...source] } : { file: source }
}

function isTexts(source: unknown): source is readonly string[] {
  return Array.isArray(source)
}
