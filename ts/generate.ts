import { call, runRules, type RunOptions } from './call.js'
import { callback, check, checkOptions, integer, number, path, text, type Rules } from './check.js'
import type { Generation, ProgressEvent } from './generated/index.js'

/** Options of {@link generate}. */
export interface GenerateOptions {
  /** Most new tokens. Default 128. */
  maxTokens?: number
  /** 0 takes the most likely token each time. Default 0. */
  temperature?: number
  /** Draws from the fewest tokens that have this share of the probability. Default 1. */
  topP?: number
  /** Same seed, same text. Default 0. */
  seed?: number
  /** Worker threads. Default 0: all. */
  threads?: number
  /** Called with each piece of new text; joined, the pieces are the text. */
  onToken?: (piece: string) => void
}

const rules: Rules = {
  ...runRules,
  maxTokens: integer(1),
  temperature: number(0),
  topP: number(0, 1),
  seed: integer(0),
  threads: integer(0, 1024),
  onToken: callback,
}

/**
 * Continues a text with a decoder in any form that kerf reads.
 *
 * Errors: `BAD_OPTION`, `NO_TOKENIZER`, `WRONG_KIND` (an encoder), `TOO_LONG`, `EMPTY`, `CANCELLED` and those of reading a model.
 */
export async function generate(
  model: string,
  prompt: string,
  options: GenerateOptions & RunOptions = {},
): Promise<Generation> {
  check('model', model, path)
  check('prompt', prompt, text)
  checkOptions(options, rules)
  const { onToken, onProgress, signal, ...rest } = options
  const listen = (event: ProgressEvent): void => {
    if (event.stage === 'generate' && event.name !== '') onToken?.(event.name)
    onProgress?.(event)
  }
  return call<Generation>(
    'generate',
    { model, prompt, ...rest },
    { ...(signal && { signal }), onProgress: listen },
  )
}
