// More vectors than a string of JSON can hold.
import { embed } from 'kerf'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { temporaryFolder } from './support/folders.js'
import { stories } from './support/models.js'
import { writeFile, type Entry } from './support/safetensors.js'

const TEXTS = 13_000
const WIDTH = 4096
const model = join(temporaryFolder(), 'wide')

/** A LLaMA of one thin block that is as wide as those of seven thousand million weights, with the tokenizer of the small one. */
beforeAll(() => {
  cpSync(stories, model, { recursive: true })
  const config = JSON.parse(readFileSync(join(stories, 'config.json'), 'utf8')) as { vocab_size: number }
  const sizes = { hidden_size: WIDTH, intermediate_size: 8, num_hidden_layers: 1, head_dim: 8 }
  const heads = { num_attention_heads: 1, num_key_value_heads: 1 }
  writeFileSync(join(model, 'config.json'), JSON.stringify({ ...config, ...sizes, ...heads }))
  const block = 'model.layers.0'
  const thin = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'mlp.gate_proj', 'mlp.up_proj']
  const shapes: [string, number[]][] = [
    ['model.embed_tokens.weight', [config.vocab_size, WIDTH]],
    ['model.norm.weight', [WIDTH]],
    [`${block}.input_layernorm.weight`, [WIDTH]],
    [`${block}.post_attention_layernorm.weight`, [WIDTH]],
    ...thin.map((name): [string, number[]] => [`${block}.${name}.weight`, [8, WIDTH]]),
    [`${block}.self_attn.o_proj.weight`, [WIDTH, 8]],
    [`${block}.mlp.down_proj.weight`, [WIDTH, 8]],
  ]
  let end = 0
  const header = shapes.map(([name, shape]): [string, Entry] => {
    const begin = end
    end += 4 * shape.reduce((product, size) => product * size, 1)
    return [name, { dtype: 'F32', shape, data_offsets: [begin, end] }]
  })
  let state = 1
  const data = Float32Array.from({ length: end / 4 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32 - 0.5
  })
  const file = { header: Object.fromEntries(header), metadata: undefined, data: Buffer.from(data.buffer) }
  writeFile(join(model, 'model.safetensors'), file)
})

it('come as views of one buffer', async () => {
  const texts = Array.from({ length: TEXTS }, (_, index) => `${index % 100} cats`)
  const vectors = await embed(model, texts)
  expect(vectors).toHaveLength(TEXTS)
  expect(new Set(vectors.map(vector => vector.buffer)).size).toBe(1)
  expect(vectors[0]?.buffer.byteLength).toBe(TEXTS * WIDTH * 4)
  for (const index of [0, 1, 6500, TEXTS - 1]) {
    const [own, same] = [vectors[index], vectors[index % 100]]
    expect(own).toHaveLength(WIDTH)
    expect(own?.reduce((sum, value, at) => sum + value * (same?.[at] ?? 0), 0)).toBeCloseTo(1, 4)
  }
  expect(vectors[0]).not.toEqual(vectors[1])
})
