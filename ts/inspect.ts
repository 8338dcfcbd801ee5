import { call, type RunOptions } from './call.js'
import { check, checkOptions } from './check.js'
import type { Inspection } from './generated/index.js'
import { modelRules, type ModelOptions } from './model.js'
import { model as modelRule, type Model, type WithSources } from './source.js'

/**
 * Says what is inside a model: architecture, tensors, element types, bytes. Reads headers only.
 *
 * Errors: `NOT_FOUND`, `NOT_A_MODEL`, `TRUNCATED`, `BAD_HEADER`, `BAD_INDEX`, `BAD_CONTAINER`, `CONTAINER_VERSION`,
 * `BAD_ARCHITECTURE`.
 *
 *     const { architecture, parameters, tensors } = await inspect('./model')
 *     console.log(architecture, parameters, tensors[0]?.shape)
 *
 * @param model Folder as the Hugging Face hub lays it out, its id there (in Node), a single file, or what kerf wrote.
 * @param options What to be told meanwhile.
 */
export async function inspect(
  model: Model,
  options: WithSources<ModelOptions> & RunOptions = {},
): Promise<Inspection> {
  check('model', model, modelRule)
  checkOptions(options, modelRules)
  return call<Inspection>('inspect', { model, architecture: options.architecture }, options)
}
