import { call, type RunOptions } from './call.js'
import { callback, check, checkOptions, integer, text, texts as listOfTexts, type Rules } from './check.js'
import type { Embeddings } from './generated/index.js'
import { modelRules, type ModelOptions } from './model.js'
import type { OpenModel } from './open.js'
import { memoryRequest, size, type Size } from './size.js'
import { runnable, type Model, type WithSources } from './source.js'

/** Options of {@link embed}. */
export interface EmbedOptions extends ModelOptions {
  /** Goes before each text, in place of the model's own prompt; may be empty. */
  prompt?: string
  /**
   * Name of the model's prompt (config_sentence_transformers.json) that goes before each text. Default: what the model says,
   * which most often is none. `prompt` goes before it.
   */
  promptName?: string
  /**
   * Numbers of each vector that are kept, counted from its start, after everything else the model does: a vector is not scaled to
   * length 1 again. Default: what the model says, else all.
   */
  dimensions?: number
  /** Worker threads. Default 0: all. */
  threads?: number
  /** Peak memory that the call may use, such as `'2GiB'`. Default: decoded weights are kept in up to half of what is free. */
  maxMemory?: Size
  /** Called once with the number of texts that were longer than the model's maximum and were cut. */
  onTruncated?: (texts: number) => void
  /** Called with each other thing a user should know, such as a module of the model that kerf leaves out. */
  onNote?: (note: string) => void
}

const rules: Rules = {
  ...modelRules,
  prompt: text,
  promptName: text,
  dimensions: integer(1),
  threads: integer(0, 1024),
  maxMemory: size,
  onTruncated: callback,
  onNote: callback,
}

/**
 * One vector a text, in the order of the texts: what `encode` of sentence-transformers computes of the same folder (prompt, pooling and
 * all modules after it). All are views of one buffer: `vectors[0].buffer` holds the batch row by row, and lives as long as any of them.
 *
 * Errors: `BAD_OPTION`, `BAD_CONFIG` for a module that kerf does not compute, `NO_TOKENIZER`, `EMPTY`, `CANCELLED` and those of
 * reading a model.
 *
 *     const vectors = await embed('./all-MiniLM-L6-v2', ['A saw takes away the kerf.', 'Rain is expected.'])
 *     console.log(vectors.length, vectors[0]?.length)
 *
 * @param model Folder as the Hugging Face hub lays it out, its id there (in Node), a single file, what kerf wrote, or an open model.
 * @param texts One vector comes for each.
 * @param options What to be told meanwhile.
 */
export async function embed(
  model: Model | OpenModel,
  texts: readonly string[],
  options: WithSources<EmbedOptions> & RunOptions = {},
): Promise<Float32Array[]> {
  return rows(await embedded(model, texts, options))
}

/** {@link embed} with what the core says beside the vectors. */
export async function embedded(
  model: Model | OpenModel,
  texts: readonly string[],
  options: WithSources<EmbedOptions> & RunOptions = {},
): Promise<Embeddings> {
  check('model', model, runnable)
  check('texts', texts, listOfTexts)
  checkOptions(options, rules)
  const { onTruncated, onNote, prompt, promptName, dimensions, threads, architecture, maxMemory } = options
  const own = { prompt, promptName, dimensions, threads, architecture, ...memoryRequest(maxMemory) }
  const request = { model, texts, ...own }
  const result = await call<Embeddings>('embed', request, options)
  if (result.truncated > 0) onTruncated?.(result.truncated)
  if (onNote) result.notes.forEach(note => onNote(note))
  return result
}

/** The vectors one by one; they are views of one buffer. */
function rows({ vectors, dimensions }: Embeddings): Float32Array[] {
  const count = dimensions === 0 ? 0 : vectors.length / dimensions
  return Array.from({ length: count }, (_, row) => vectors.subarray(row * dimensions, (row + 1) * dimensions))
}
