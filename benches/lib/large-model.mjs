// A sharded model of LLaMA-7B's shape whose weights are holes in its files: 13.5 GB that take no room. For what reads headers
// alone.   node benches/lib/large-model.mjs FOLDER
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [HIDDEN, MLP, BLOCKS, VOCAB, SHARDS] = [4096, 11008, 32, 32000, 3]

function tensors() {
  const rows = [['model.embed_tokens.weight', [VOCAB, HIDDEN]]]
  for (let block = 0; block < BLOCKS; block++) {
    const add = (stem, shape) => rows.push([`model.layers.${block}.${stem}.weight`, shape])
    for (const role of ['q', 'k', 'v', 'o']) add(`self_attn.${role}_proj`, [HIDDEN, HIDDEN])
    for (const role of ['gate', 'up']) add(`mlp.${role}_proj`, [MLP, HIDDEN])
    add('mlp.down_proj', [HIDDEN, MLP])
    for (const norm of ['input_layernorm', 'post_attention_layernorm']) add(norm, [HIDDEN])
  }
  return [...rows, ['model.norm.weight', [HIDDEN]], ['lm_head.weight', [VOCAB, HIDDEN]]]
}

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: HIDDEN,
  intermediate_size: MLP,
  num_hidden_layers: BLOCKS,
  num_attention_heads: 32,
  vocab_size: VOCAB,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
}

/** Writes the folder. */
export function writeLargeModel(folder) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'config.json'), JSON.stringify(CONFIG))
  const all = tensors()
  const size = Math.ceil(all.length / SHARDS)
  const weight_map = {}
  for (let shard = 0; shard < SHARDS; shard++) {
    const file = `model-0000${shard + 1}-of-0000${SHARDS}.safetensors`
    let offset = 0
    const header = {}
    for (const [name, shape] of all.slice(shard * size, (shard + 1) * size)) {
      const bytes = 2 * shape.reduce((product, dim) => product * dim, 1)
      header[name] = { dtype: 'BF16', shape, data_offsets: [offset, offset + bytes] }
      weight_map[name] = file
      offset += bytes
    }
    const text = Buffer.from(JSON.stringify(header))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(text.length))
    const out = openSync(join(folder, file), 'w')
    writeSync(out, Buffer.concat([length, text]))
    ftruncateSync(out, 8 + text.length + offset)
    closeSync(out)
  }
  const index = { metadata: {}, weight_map }
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify(index))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeLargeModel(process.argv[2])
