import { badOption, checkOptions, needsOne, integer, text, type Rules } from './check.js'
import { modelRules, type ModelOptions } from './model.js'
import { memoryRequest, size, type Size } from './size.js'
import { file, type WithSources } from './source.js'

/** What to measure on: at least one of `text`, `textFile` and `pairs`. */
export interface MeasureOptions extends ModelOptions {
  /** Text for perplexity. */
  text?: string
  /** UTF-8 file for perplexity. */
  textFile?: string
  /** RFC 4180 CSV file of sentence, sentence, score, without a header: for Spearman's rank correlation of cosine and score. */
  pairs?: string
  /** Window in tokens. Default: the model's maximum, at most 2048. */
  context?: number
  /** Worker threads. Default 0: all. */
  threads?: number
  /** Peak memory that the call may use, such as `'2GiB'`. Default: decoded weights are kept in up to half of what is free. */
  maxMemory?: Size
}

const rules: Rules = {
  ...modelRules,
  text,
  textFile: file,
  pairs: file,
  context: integer(2),
  threads: integer(0, 1024),
  maxMemory: size,
}

/**
 * The fields that `evaluate` and `compare` share in their requests. `more`: rules of further options; `files`: those of them that are
 * something to measure on.
 */
export function measureRequest(
  options: WithSources<MeasureOptions>,
  more: Rules = {},
  files: readonly string[] = [],
): object {
  checkOptions(options, { ...rules, ...more })
  const { text, textFile, pairs, context, threads, architecture, maxMemory } = options
  const measured = ['text', 'textFile', 'pairs', ...files]
  if (measured.every(name => (options as Record<string, unknown>)[name] === undefined)) {
    throw needsOne(measured, 'nothing to measure on')
  }
  if (text !== undefined && textFile !== undefined) {
    throw badOption('textFile', 'nothing', textFile, { reason: '`text` is the text already' })
  }
  return { text, textFile, pairsFile: pairs, context, threads, architecture, ...memoryRequest(maxMemory) }
}
