import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stories } from './models.js'
import { writeFile, type Entry } from './safetensors.js'

const [HIDDEN, MLP, BLOCKS] = [64, 128, 2]

/** Writes a random llama that is narrow and has a vocabulary of so many tokens, of which its tokenizer knows 512. */
export function writeLargeVocabulary(folder: string, vocab: number): string {
  mkdirSync(folder, { recursive: true })
  const shapes: [string, number[]][] = [
    ['model.embed_tokens.weight', [vocab, HIDDEN]],
    ['model.norm.weight', [HIDDEN]],
  ]
  for (let block = 0; block < BLOCKS; block++) {
    const at = (name: string): string => `model.layers.${block}.${name}.weight`
    for (const role of ['q', 'k', 'v', 'o']) shapes.push([at(`self_attn.${role}_proj`), [HIDDEN, HIDDEN]])
    for (const role of ['gate', 'up']) shapes.push([at(`mlp.${role}_proj`), [MLP, HIDDEN]])
    shapes.push([at('mlp.down_proj'), [HIDDEN, MLP]])
    for (const norm of ['input', 'post_attention']) shapes.push([at(`${norm}_layernorm`), [HIDDEN]])
  }
  const header: Record<string, Entry> = {}
  const pieces: Buffer[] = []
  let offset = 0
  let state = 1
  for (const [name, shape] of shapes) {
    const values = new Uint16Array(shape.reduce((a, b) => a * b))
    // bf16: ones for norms, else random between 1/32 and 1/8 with either sign.
    for (let i = 0; i < values.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      values[i] = shape.length === 1 ? 0x3f80 : 0x3d00 + ((state >>> 23) & 0xff) + ((state >>> 16) & 0x8000)
    }
    const bytes = Buffer.from(values.buffer)
    header[name] = { dtype: 'BF16', shape, data_offsets: [offset, offset + bytes.length] }
    offset += bytes.length
    pieces.push(bytes)
  }
  writeFile(join(folder, 'model.safetensors'), { header, metadata: undefined, data: Buffer.concat(pieces) })
  const config = {
    model_type: 'llama',
    hidden_size: HIDDEN,
    intermediate_size: MLP,
    num_hidden_layers: BLOCKS,
    num_attention_heads: 4,
    num_key_value_heads: 4,
    vocab_size: vocab,
    max_position_embeddings: 512,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
    bos_token_id: 1,
    eos_token_id: 2,
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  copyFileSync(join(stories, 'tokenizer.json'), join(folder, 'tokenizer.json'))
  return folder
}
