// Writes a model of LLaMA-7B-shaped blocks with random bf16 weights, one tensor in memory at a time.
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

/** A block of LLaMA-7B. */
export const LLAMA_7B = { hidden: 4096, mlp: 11008, heads: 32 }

const VOCAB = 512
const CHUNK = 1 << 22 // values written at once

/** Small fast generator (xorshift32), so that the same seed gives the same file everywhere. */
function xorshift(seed) {
  let state = seed >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

/** bf16 bits of about normal values of deviation `sigma`(the sum of twelve uniforms), a table of 65,536 to draw from. */
function normalTable(sigma, seed) {
  const next = xorshift(seed)
  const float = new Float32Array(1)
  const bits = new Uint32Array(float.buffer)
  return Uint16Array.from({ length: 65536 }, () => {
    let sum = 0
    for (let i = 0; i < 12; i++) sum += next() / 2 ** 32
    float[0] = (sum - 6) * sigma
    return (bits[0] + 0x8000) >>> 16
  })
}

const ONE_BF16 = 0x3f80

function tensorsOfBlock({ hidden, mlp }, block) {
  const at = name => `model.layers.${block}.${name}.weight`
  const square = ['q', 'k', 'v', 'o'].map(r => [at(`self_attn.${r}_proj`), [hidden, hidden]])
  const wide = ['gate', 'up'].map(r => [at(`mlp.${r}_proj`), [mlp, hidden]])
  const norms = ['input_layernorm', 'post_attention_layernorm'].map(r => [at(r), [hidden]])
  return [...square, ...wide, [at('mlp.down_proj'), [hidden, mlp]], ...norms]
}

/** Shards: one a block, and one for embeddings, head and the last norm. */
function layout(shape, blocks) {
  const ends = [
    ['model.embed_tokens.weight', [VOCAB, shape.hidden]],
    ['lm_head.weight', [VOCAB, shape.hidden]],
    ['model.norm.weight', [shape.hidden]],
  ]
  return [ends, ...Array.from({ length: blocks }, (_, i) => tensorsOfBlock(shape, i))]
}

const count = shape => shape.reduce((a, b) => a * b, 1)

function header(tensors) {
  const entries = {}
  let offset = 0
  for (const [name, shape] of tensors) {
    const end = offset + 2 * count(shape)
    entries[name] = { dtype: 'BF16', shape, data_offsets: [offset, end] }
    offset = end
  }
  const json = Buffer.from(JSON.stringify(entries))
  const padded = Buffer.concat([json, Buffer.alloc(-json.length & 7, ' ')])
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(padded.length))
  return Buffer.concat([length, padded])
}

function writeAll(file, bytes) {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
}

function writeTensor(file, shape, random) {
  let left = count(shape)
  const values = new Uint16Array(Math.min(left, CHUNK))
  while (left > 0) {
    const length = Math.min(left, values.length)
    if (shape.length === 1) values.fill(ONE_BF16)
    else for (let i = 0; i < length; i++) values[i] = random.table[random.next() >>> 16]
    writeAll(file, new Uint8Array(values.buffer, 0, 2 * length))
    left -= length
  }
}

function config({ hidden, mlp, heads }, blocks) {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: hidden,
    intermediate_size: mlp,
    num_hidden_layers: blocks,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    vocab_size: VOCAB,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    hidden_act: 'silu',
    tie_word_embeddings: false,
    bos_token_id: 1,
    eos_token_id: 2,
    torch_dtype: 'bfloat16',
  }
}

/**
 * Writes the model into `folder`, unless it is there. 405 MB a block of LLaMA-7B.
 * @param {string} folder appears only when complete
 * @param {number} blocks
 * @param {string} tokenizer folder with a tokenizer.json of 512 tokens
 * @param {{ hidden: number, mlp: number, heads: number }} shape of a block
 */
export function writeLlamaBlocks(folder, blocks, tokenizer, shape = LLAMA_7B) {
  if (existsSync(folder)) return
  const part = `${folder}.part`
  rmSync(part, { recursive: true, force: true })
  mkdirSync(part, { recursive: true })
  const random = { table: normalTable(0.02, 7), next: xorshift(blocks) }
  const shards = layout(shape, blocks)
  const weightMap = {}
  const pad = n => String(n).padStart(5, '0')
  for (const [i, tensors] of shards.entries()) {
    const name = `model-${pad(i + 1)}-of-${pad(shards.length)}.safetensors`
    const file = openSync(join(part, name), 'w')
    writeAll(file, header(tensors))
    for (const [tensor, shape] of tensors) {
      writeTensor(file, shape, random)
      weightMap[tensor] = name
    }
    closeSync(file)
  }
  const bytes = shards.flat().reduce((sum, [, shape]) => sum + 2 * count(shape), 0)
  const index = { metadata: { total_size: bytes }, weight_map: weightMap }
  writeFileSync(join(part, 'model.safetensors.index.json'), JSON.stringify(index, null, 1))
  writeFileSync(join(part, 'config.json'), JSON.stringify(config(shape, blocks), null, 1))
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    copyFileSync(join(tokenizer, name), join(part, name))
  renameSync(part, folder)
}
