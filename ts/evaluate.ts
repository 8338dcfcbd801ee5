import { call, type RunOptions } from './call.js'
import { check, path } from './check.js'
import type { Evaluation } from './generated/index.js'
import { measureRequest, type MeasureOptions } from './measure.js'

/**
 * Measures a model in any form that kerf reads: perplexity on a text (decoders), Spearman on sentence pairs (encoders).
 *
 * Errors: `BAD_OPTION`, `EMPTY`, `BAD_PAIRS`, `NOT_UTF8`, `NO_TOKENIZER`, `WRONG_KIND` and those of reading a model.
 *
 * @param model Folder as the Hugging Face hub lays it out, a single file, or what kerf wrote.
 * @param options What to measure on.
 */
export async function evaluate(model: string, options: MeasureOptions & RunOptions): Promise<Evaluation> {
  check('model', model, path)
  return call<Evaluation>('evaluate', { model, ...measureRequest(options) }, options)
}
