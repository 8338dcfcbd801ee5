import { call, type RunOptions } from './call.js'
import { check } from './check.js'
import type { Comparison } from './generated/index.js'
import { measureRequest, type MeasureOptions } from './measure.js'
import { model as modelRule, type Model, type WithSources } from './source.js'

/**
 * Measures what a compression lost: both perplexities, the mean KL divergence and the agreement of the most likely token on a
 * text; both Spearman correlations and the mean cosine on pairs.
 *
 * Errors: those of `evaluate`.
 *
 *     const { kl, topTokenAgreement } = await compare('./my-llama', './small-llama', { textFile: './held-out.txt' })
 *
 * @param original The model before, in any form that kerf reads.
 * @param small The model after, in any form that kerf reads.
 * @param options What to measure on.
 */
export async function compare(
  original: Model,
  small: Model,
  options: WithSources<MeasureOptions> & RunOptions,
): Promise<Comparison> {
  check('original', original, modelRule)
  check('small', small, modelRule)
  return call<Comparison>('compare', { original, small, ...measureRequest(options) }, options)
}
