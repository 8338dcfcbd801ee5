import { call, type RunOptions } from './call.js'
import {
  callback,
  check,
  checkOptions,
  flag,
  integer,
  number,
  text,
  texts as listOfTexts,
  type Rules,
} from './check.js'
import { KerfError } from './errors.js'
import type { Generation, ProgressEvent } from './generated/index.js'
import { modelRules, type ModelOptions } from './model.js'
import type { OpenModel } from './open.js'
import { routingRules, type RoutingOptions } from './routing.js'
import { memoryRequest, size, type Size } from './size.js'
import { runnable, type Model, type WithSources } from './source.js'

/** Options of {@link generate}. */
export interface GenerateOptions extends ModelOptions, RoutingOptions {
  /** Most new tokens. Default 128. */
  maxTokens?: number
  /**
   * Whether tokens are drawn; otherwise each is the most likely one. Default: whether `temperature` is more than 0; without
   * that, what the model's generation_config.json says (`do_sample`), else false.
   */
  sample?: boolean
  /** Divides logits before a token is drawn; 0 takes the most likely one. Default when drawing: the model's, else 1. */
  temperature?: number
  /** Draws from the fewest tokens that have this share of the probability. Default when drawing: the model's, else 1. */
  topP?: number
  /** Draws from so many most likely tokens; 0 is all. Default when drawing: the model's, else 0. */
  topK?: number
  /**
   * Makes tokens that were there already less likely: their logits are divided by this (multiplied if negative). Default: the
   * model's, else 1, which changes nothing.
   */
  repetitionPenalty?: number
  /** Strings that end the text: they and what is behind them are left out. */
  stop?: readonly string[]
  /**
   * Whether the tokenizer puts its special tokens around the prompt. Default true; false for a prompt that has them already, such as that of a
   * chat template.
   */
  specialTokens?: boolean
  /** Same seed, same text. Default 0. */
  seed?: number
  /** Worker threads. Default 0: all. */
  threads?: number
  /** Peak memory that the call may use, such as `'2GiB'`. Default: decoded weights are kept in up to half of what is free. */
  maxMemory?: Size
  /** Called with each piece of new text; joined, the pieces are the text. */
  onToken?: (piece: string) => void
}

const rules: Rules = {
  ...modelRules,
  ...routingRules,
  maxTokens: integer(1),
  sample: flag,
  temperature: number(0),
  topP: number(0, 1),
  topK: integer(0),
  repetitionPenalty: number(0),
  stop: listOfTexts,
  specialTokens: flag,
  seed: integer(0),
  threads: integer(0, 1024),
  maxMemory: size,
  onToken: callback,
}

/**
 * Continues a text with a decoder in any form that kerf reads.
 *
 * An aborted call rejects with `CANCELLED`, and `details.text` is what was written so far.
 *
 * With a `router` tokens skip blocks, and `routing` of the result says how many did.
 *
 * Errors: `BAD_OPTION`, `NO_TOKENIZER`, `WRONG_KIND` (an encoder), `TOO_LONG`, `EMPTY`, `CANCELLED`, of a router `WRONG_MODEL`, `BAD_ROUTER`
 * and `ROUTER_VERSION`, and those of reading a model.
 *
 *     const { text } = await generate('./my-llama', 'Once upon a time', { maxTokens: 40 })
 *
 * @param model Folder as the Hugging Face hub lays it out, its id there (in Node), a single file, what kerf wrote, or an open model.
 * @param prompt Text to continue; may be empty if the model has a begin token.
 * @param options How much, how random, and where each piece of text goes.
 */
export async function generate(
  model: Model | OpenModel,
  prompt: string,
  options: WithSources<GenerateOptions> & RunOptions = {},
): Promise<Generation> {
  check('model', model, runnable)
  check('prompt', prompt, text)
  checkOptions(options, rules)
  const { onToken, onProgress, signal, maxMemory, ...rest } = options
  const written = { text: '', tokens: 0 }
  const listen = (event: ProgressEvent): void => {
    if (event.stage === 'generate' && event.name !== '') {
      written.text += event.name
      written.tokens = event.done
      onToken?.(event.name)
    }
    onProgress?.(event)
  }
  const run = { ...(signal && { signal }), onProgress: listen }
  try {
    const result = await call<Generation>(
      'generate',
      { model, prompt, ...rest, ...memoryRequest(maxMemory) },
      run,
    )
    if (result.finish === 'cancelled') throw cancelled(result, signal)
    return result
  } catch (error) {
    // A worker that was ended in the middle of a text hands nothing over; the pieces that came are there.
    if (!(error instanceof KerfError) || error.code !== 'CANCELLED' || 'text' in error.details) throw error
    throw cancelled(written, signal)
  }
}

/** The core hands over what it had written; to a caller who aborted, that is still an abort. */
function cancelled(
  { text, tokens }: Pick<Generation, 'text' | 'tokens'>,
  signal: AbortSignal | undefined,
): KerfError {
  const message = `cancelled after ${tokens} tokens`
  return new KerfError({ code: 'CANCELLED', message, details: { text, tokens } }, { cause: signal?.reason })
}
