import { call, type RunOptions } from './call.js'
import { check } from './check.js'
import type { Evaluation } from './generated/index.js'
import { measureRequest, type MeasureOptions } from './measure.js'
import { model as modelRule, type Model, type WithSources } from './source.js'

/**
 * Measures a model in any form that kerf reads: perplexity on a text (decoders), Spearman on sentence pairs (encoders).
 *
 * Errors: `BAD_OPTION`, `EMPTY`, `BAD_PAIRS`, `NOT_UTF8`, `NO_TOKENIZER`, `WRONG_KIND` and those of reading a model.
 *
 *     const { perplexity } = await evaluate('./my-llama', { textFile: './held-out.txt' })
 *     const { spearman } = await evaluate('./all-MiniLM-L6-v2', { pairs: './my-pairs.csv' })
 *
 * @param model Folder as the Hugging Face hub lays it out, its id there (in Node), a single file, or what kerf wrote.
 * @param options What to measure on.
 */
export async function evaluate(
  model: Model,
  options: WithSources<MeasureOptions> & RunOptions,
): Promise<Evaluation> {
  check('model', model, modelRule)
  return call<Evaluation>('evaluate', { model, ...measureRequest(options) }, options)
}
