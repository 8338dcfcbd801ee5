import { call, runRules, type RunOptions } from './call.js'
import { check, checkOptions, flag, integer, oneOf, type Rules } from './check.js'
import { FORMATS } from './generated/index.js'
import type { Conversion } from './generated/index.js'
import type { Format } from './options.js'
import { parseSize, size, type Size } from './size.js'
import { model as modelRule, target, type Model, type WithSources } from './source.js'
import { withTarget } from './target.js'

/** Options of {@link convert}. */
export interface ConvertOptions {
  /** Form of the result: `safetensors` (dense, with exact zeros, read by every loader) or `kerf`. */
  format: Format
  /** Folder of the result. It must not exist, unless `force` is given. */
  out: string
  /** Replaces a result of kerf that is at `out` already, when the new one is whole; anything else stays. Default false. */
  force?: boolean
  /** Largest file of the result, such as `'2GB'`. Default 5 GB. */
  maxShardSize?: Size
  /** Worker threads. Default 0: all. */
  threads?: number
}

const rules: Rules = {
  ...runRules,
  format: oneOf(FORMATS),
  out: target,
  force: flag,
  maxShardSize: size,
  threads: integer(0, 1024),
}

/**
 * Writes a model in another form. Nothing appears under `out` before everything is written.
 *
 * Errors: `BAD_OPTION`, `OUTPUT_EXISTS`, `DISK_FULL`, `CANCELLED` and those of reading a model.
 *
 *     await convert('./model', { format: 'gguf-q8_0', out: './model-gguf' })
 *
 * @param model Folder as the Hugging Face hub lays it out, its id there (in Node), a single file, or what kerf wrote.
 * @param options Which form, and where to.
 */
export async function convert(
  model: Model,
  options: WithSources<ConvertOptions> & RunOptions,
): Promise<Conversion> {
  check('model', model, modelRule)
  checkOptions(options, rules)
  const { format, out, force, maxShardSize, threads } = options
  check('format', format, oneOf(FORMATS))
  check('out', out, target)
  const maxShardBytes = maxShardSize === undefined ? undefined : parseSize('maxShardSize', maxShardSize)
  return withTarget(model, { out, force }, options, (place, run) =>
    call<Conversion>('convert', { model, format, out: place, force, maxShardBytes, threads }, run),
  )
}
