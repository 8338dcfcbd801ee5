// A model of 1.1 thousand million weights in a tab, from the origin's private files, without calibration: KERF_LARGE=1 runs it (7 GB of
// disk, minutes).
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, expect, it } from 'vitest'
import { openPage, useBrowser } from './support/chromium.js'
import { choose } from './support/files.js'

const browser = useBrowser()
const folder = mkdtempSync(join(tmpdir(), 'kerf-large-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const [hidden, inner, blocks, heads, shared, vocabulary] = [2048, 5632, 22, 32, 4, 32_000]

/** Names and shapes of a LLaMA of that size. */
function shapes(): [name: string, shape: number[]][] {
  const keys = (hidden / heads) * shared
  const block = (index: number): [string, number[]][] => {
    const at = `model.layers.${index}`
    return [
      [`${at}.self_attn.q_proj.weight`, [hidden, hidden]],
      [`${at}.self_attn.k_proj.weight`, [keys, hidden]],
      [`${at}.self_attn.v_proj.weight`, [keys, hidden]],
      [`${at}.self_attn.o_proj.weight`, [hidden, hidden]],
      [`${at}.mlp.gate_proj.weight`, [inner, hidden]],
      [`${at}.mlp.up_proj.weight`, [inner, hidden]],
      [`${at}.mlp.down_proj.weight`, [hidden, inner]],
      [`${at}.input_layernorm.weight`, [hidden]],
      [`${at}.post_attention_layernorm.weight`, [hidden]],
    ]
  }
  return [
    ['model.embed_tokens.weight', [vocabulary, hidden]],
    ...Array.from({ length: blocks }, (_, index) => block(index)).flat(),
    ['model.norm.weight', [hidden]],
    ['lm_head.weight', [vocabulary, hidden]],
  ]
}

/** Writes the model in bf16 with weights about 0.02 in size; returns its number of weights. */
function writeModel(): number {
  const header: Record<string, unknown> = {}
  let [offset, weights] = [0, 0]
  for (const [name, shape] of shapes()) {
    const count = shape.reduce((product, size) => product * size, 1)
    header[name] = { dtype: 'BF16', shape, data_offsets: [offset, offset + 2 * count] }
    offset += 2 * count
    weights += count
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const file = openSync(join(folder, 'model.safetensors'), 'w')
  writeSync(file, Buffer.concat([length, json]))
  let state = 1
  const values = Uint16Array.from({ length: 8 << 20 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    // Sign and mantissa at random, exponents from 2^-9 to 2^-6.
    return ((state >>> 16) & 0x807f) | ((118 + ((state >>> 8) & 3)) << 7)
  })
  const part = new Uint8Array(values.buffer)
  for (let left = offset; left > 0; left -= part.length) writeSync(file, part, 0, Math.min(part.length, left))
  closeSync(file)
  const config = {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    hidden_size: hidden,
    intermediate_size: inner,
    num_hidden_layers: blocks,
    num_attention_heads: heads,
    num_key_value_heads: shared,
    vocab_size: vocabulary,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    tie_word_embeddings: false,
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  return weights
}

/** Copies what was chosen to a folder of the origin's private files. */
async function keep(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory()
    const folder = await root.getDirectoryHandle('large-model', { create: true })
    for (const file of chosen) {
      const handle = await folder.getFileHandle(file.name, { create: true })
      await file.stream().pipeTo(await handle.createWritable())
    }
  })
}

it.skipIf(process.env['KERF_LARGE'] === undefined)(
  'compresses 2.2 GB within 1 GiB of memory',
  { timeout: 3_600_000 },
  async () => {
    const weights = writeModel()
    expect(weights).toBeGreaterThan(1.09e9)
    const page = await openPage(browser, 'large', { isolated: true })
    browser.context.setDefaultTimeout(0)
    await choose(page, folder)
    await keep(page)
    const { report, kept } = await page.evaluate(async () => {
      const root = await navigator.storage.getDirectory()
      const report = await kerf.compress(await root.getDirectoryHandle('large-model'), {
        method: 'magnitude',
        sparsity: 0.7,
        bits: 4,
        estimate: false,
        out: 'small',
      })
      return { report, kept: await kerf.kept.list() }
    })
    const { seconds, threads, peakRssBytes, plannedPeakBytes, inputBytes, outputBytes } = report
    console.log(
      `${inputBytes} bytes to ${outputBytes} in ${seconds.toFixed(0)} s, ${threads} threads, ` +
        `${(peakRssBytes / 2 ** 20).toFixed(0)} MiB of memory (planned ${(plannedPeakBytes / 2 ** 20).toFixed(0)})`,
    )
    expect(kept.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(outputBytes)
    expect(peakRssBytes).toBeLessThan(2 ** 30)
    await page.close()
  },
)
