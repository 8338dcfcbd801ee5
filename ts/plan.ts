import { call, type RunOptions } from './call.js'
import type { PlanReport } from './generated/index.js'
import { compressRequest, type CompressOptions } from './options.js'
import type { Model, WithSources } from './source.js'

/**
 * Says what `compress` with the same options would do to each tensor, and the memory, disk and bytes it would take. Reads headers
 * only and writes nothing.
 *
 * Errors: those of `compress` that can be known before the start.
 *
 *     const { outputBytes, peakMemoryBytes, seconds } = await plan('./model', { preset: 'compact' })
 *     console.log(outputBytes, peakMemoryBytes, seconds)
 *
 * @param model Folder as the Hugging Face hub lays it out, its id there (in Node), a single file, or what kerf wrote.
 * @param options Those that `compress` would get.
 */
export async function plan(
  model: Model,
  options: WithSources<CompressOptions> & RunOptions = {},
): Promise<PlanReport> {
  return call<PlanReport>('plan', compressRequest(model, options), options)
}
