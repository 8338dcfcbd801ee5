// POST /v1/embeddings
import type { Context } from 'hono'
import type { embedded } from '../../embed.js'
import type { Served } from './completions.js'
import { number, refuseOthers, texts, type Body } from './fields.js'
import { badField } from './refusal.js'

/** Answers with a vector for each text, as numbers or as base64 of their bytes (float32, little endian). */
export async function embeddings(
  context: Context,
  body: Body,
  served: Served & { embedded: typeof embedded },
): Promise<Response> {
  const { model, name, limits } = served
  refuseOthers(body, ['input', 'encoding_format', 'dimensions'])
  const input = texts(body, 'input')
  if (input.length > limits.maxTexts) throw badField('input', `at most ${limits.maxTexts} texts`)
  const format = body['encoding_format'] ?? 'float'
  if (format !== 'float' && format !== 'base64') throw badField('encoding_format', 'float or base64')
  const kept = number(body, 'dimensions', 1, 1_000_000, true)
  const options = {
    ...limits.run,
    signal: context.req.raw.signal,
    ...(kept !== undefined && { dimensions: kept }),
  }
  const { vectors, dimensions, tokens } = await served.embedded(model, input, options)
  const data = input.map((_, index) => {
    const vector = vectors.slice(index * dimensions, (index + 1) * dimensions)
    const embedding = format === 'float' ? [...vector] : Buffer.from(vector.buffer).toString('base64')
    return { object: 'embedding', index, embedding }
  })
  return context.json({
    object: 'list',
    data,
    model: name,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  })
}
