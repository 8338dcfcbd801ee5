import { call, type RunOptions } from './call.js'
import { callback, check, checkOptions, integer, type Rule, type Rules } from './check.js'
import type { Classes } from './generated/index.js'
import { modelRules, type ModelOptions } from './model.js'
import type { OpenModel } from './open.js'
import { memoryRequest, size, type Size } from './size.js'
import { runnable, type Model, type WithSources } from './source.js'

/** Options of {@link classify}. */
export interface ClassifyOptions extends ModelOptions {
  /** Worker threads. Default 0: all. */
  threads?: number
  /** Peak memory that the call may use, such as `'2GiB'`. Default: decoded weights are kept in up to half of what is free. */
  maxMemory?: Size
  /** Called once with the number of texts that were longer than the model's maximum and were cut. */
  onTruncated?: (texts: number) => void
}

/** A text, or two that make a pair. */
export type TextOrPair = string | readonly [string, string]

/** What a classifier says of a text. */
export interface Classified {
  /** The likeliest label; of equal ones the first. */
  label: string
  /** Its probability. */
  probability: number
  /** The probability of each label, in the order of the model's `id2label`. */
  all: { label: string; probability: number }[]
}

const rules: Rules = {
  ...modelRules,
  threads: integer(0, 1024),
  maxMemory: size,
  onTruncated: callback,
}

const isText = (value: unknown): boolean => typeof value === 'string'
const listOfTexts: Rule = {
  expected: 'an array of strings, or of pairs of strings',
  test: value =>
    Array.isArray(value) &&
    value.every(item => isText(item) || (Array.isArray(item) && item.length === 2 && item.every(isText))),
}

/**
 * What a classifier (`...ForSequenceClassification`, such as `finetune` with `task: 'classification'` makes) says of texts, in their
 * order: what the pipeline `text-classification` of transformers gives for the same folder, for all labels.
 *
 * Errors: `BAD_OPTION`, `EMPTY` without texts, `WRONG_KIND` for a model without such a head, or whose head gives numbers or several labels,
 * `NO_TOKENIZER`, `CANCELLED` and those of reading a model.
 *
 *     const [first] = await classify('./my-classifier', ['What a fine film.', 'Two hours that I shall not get back.'])
 *     console.log(first?.label, first?.probability)
 *
 * @param model Folder as the Hugging Face hub lays it out, its id there (in Node), a single file, what kerf wrote, or an open model.
 * @param texts Texts, or pairs of texts for a model that learned pairs.
 * @param options What to be told meanwhile.
 */
export async function classify(
  model: Model | OpenModel,
  texts: readonly TextOrPair[],
  options: WithSources<ClassifyOptions> & RunOptions = {},
): Promise<Classified[]> {
  check('model', model, runnable)
  check('texts', texts, listOfTexts)
  checkOptions(options, rules)
  const { onTruncated, threads, architecture, maxMemory } = options
  const given = texts.map(text => (typeof text === 'string' ? [text] : [...text]))
  const request = { model, texts: given, threads, architecture, ...memoryRequest(maxMemory) }
  const { labels, probabilities, truncated } = await call<Classes>('classify', request, options)
  if (truncated > 0) onTruncated?.(truncated)
  return probabilities.map(own => classified(labels, own))
}

function classified(labels: readonly string[], probabilities: readonly number[]): Classified {
  const all = labels.map((label, index) => ({ label, probability: probabilities[index] ?? 0 }))
  const best = all.reduce((best, one) => (one.probability > best.probability ? one : best))
  return { ...best, all }
}
