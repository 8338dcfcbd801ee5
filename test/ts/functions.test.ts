// Every function on a real model, and every form that kerf wrote read by every function.
import {
  compare,
  compress,
  convert,
  embed,
  evaluate,
  generate,
  inspect,
  plan,
  type CompressReport,
} from 'kerf'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { digest, names, temporaryFolder } from './support/folders.js'
import { kerfError } from './support/errors.js'
import { encoder, quick, sample, stories } from './support/models.js'
import { readFile, values } from './support/safetensors.js'

const folder = temporaryFolder()
const small = join(folder, 'small')
const dense = join(folder, 'dense')
const again = join(folder, 'again')
const layer = 'model.layers.2.mlp.down_proj.weight'
let report: CompressReport

const folderBytes = (path: string): number =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)

beforeAll(async () => {
  report = await compress(stories, { ...quick, sparsity: 0.7, bits: 4, out: small })
  await convert(small, { format: 'safetensors', out: dense })
  await convert(small, { format: 'kerf', out: again })
})

describe('inspect', () => {
  it('says what is inside', async () => {
    const seen = await inspect(stories)
    expect(seen).toMatchObject({
      form: 'safetensors',
      architecture: 'llama',
      known: true,
      kind: 'decoder',
      blocks: 5,
      hidden: 64,
    })
    expect(seen.parameters).toBe(260032)
    expect(seen.maxContext).toBe(512)
    const header = Object.keys(readFile(join(stories, 'model.safetensors')).header)
    expect(seen.tensors.map(tensor => tensor.name).sort()).toEqual(header.sort())
    expect(seen.tensors.find(tensor => tensor.name === layer)).toMatchObject({
      shape: [64, 172],
      dtype: 'F32',
      bytes: 64 * 172 * 4,
      part: 'target',
    })
    expect(seen.sidecars).toContain('tokenizer.json')
  })
})

describe('plan', () => {
  it('foretells what compress does', async () => {
    const planned = await plan(stories, { ...quick, sparsity: 0.7, bits: 4 })
    expect(planned.inputBytes).toBe(report.inputBytes)
    expect(planned.tensors.filter(tensor => tensor.part === 'target')).toHaveLength(report.layers.length)
    expect(Math.abs(planned.outputBytes / report.outputBytes - 1)).toBeLessThan(0.1)
    expect(planned.peakMemoryBytes).toBe(report.plannedPeakBytes)
    expect(planned.options).toEqual(report.options)
    expect(planned.tokens).toBeGreaterThan(0)
  })
})

describe('compress', () => {
  it('reports what it did', () => {
    expect(report.sparsity).toBeCloseTo(0.7, 2)
    expect(report.layers).toHaveLength(35)
    expect(report.outputBytes).toBe(folderBytes(small))
    expect(report.outputBytes).toBeLessThan(report.inputBytes / 2)
    expect(report.bitsPerWeight).toBeLessThan(5)
    expect(report.tokens).toBeGreaterThan(0)
    expect(report.tokens).toBeLessThanOrEqual(quick.tokens)
    expect(report.options).toMatchObject({ sparsity: 0.7, bits: 4, method: 'joint', groupSize: 128 })
    for (const { relativeOutputError, sparsity } of report.layers) {
      expect(relativeOutputError).toBeGreaterThan(0)
      expect(relativeOutputError).toBeLessThan(1)
      expect(sparsity).toBeGreaterThan(0.3)
    }
  })

  it('leaves only the result', () => {
    expect(names(folder)).toEqual(['again', 'dense', 'small'])
  })

  it('gives the same bytes for any number of threads', async () => {
    const one = join(temporaryFolder(), 'one')
    await compress(stories, { ...quick, threads: 1, sparsity: 0.7, bits: 4, out: one })
    expect(digest(one)).toEqual(digest(small))
  })

  it.each(['rtn', 'magnitude', 'wanda', 'obs'] as const)('works by %s', async method => {
    const out = join(temporaryFolder(), method)
    const sparsity = method === 'rtn' ? 0 : 0.7
    const result = await compress(stories, { ...quick, method, sparsity, bits: 8, out })
    expect(result.layers.every(one => one.method === method)).toBe(true)
    expect(result.sparsity).toBeCloseTo(sparsity, 2)
    expect((await evaluate(out, { textFile: sample })).perplexity).toBeGreaterThan(1)
  })

  it('takes texts, a file and its own writing for calibration', async () => {
    const place = temporaryFolder()
    const text = readFileSync(sample, 'utf8')
    const from = (name: string, calibration: string | string[]): Promise<CompressReport> =>
      compress(stories, { ...quick, calibration, out: join(place, name) })
    expect((await from('texts', [text])).tokens).toBeGreaterThan(100)
    expect((await from('file', sample)).tokens).toBeGreaterThan(100)
    expect((await from('self', 'self')).tokens).toBeGreaterThan(100)
    expect(digest(join(place, 'self'))).not.toEqual(digest(join(place, 'file')))
  })

  it('writes N:M patterns', async () => {
    const out = join(temporaryFolder(), 'pattern')
    const result = await compress(stories, { ...quick, pattern: '2:4', bits: 16, format: 'safetensors', out })
    expect(result.sparsity).toBeCloseTo(0.5, 3)
    const weights = values(readFile(join(out, 'model.safetensors')), layer)
    for (let at = 0; at < weights.length; at += 4) {
      const zeros = weights.slice(at, at + 4).filter(value => value === 0).length
      expect(zeros).toBeGreaterThanOrEqual(2)
    }
  })

  it('keeps the zeros of a model that was pruned before', async () => {
    const place = temporaryFolder()
    const at = (name: string): string => join(place, name)
    const dense = { format: 'safetensors', bits: 16, embeddingBits: 16 } as const
    await compress(stories, { ...dense, method: 'magnitude', sparsity: 0.6, out: at('pruned') })
    const four = { ...quick, bits: 4 } as const
    const kept = await compress(at('pruned'), { ...four, keepMask: true, out: at('kept') })
    const loose = await compress(at('pruned'), { ...four, out: at('loose') })
    expect(kept.outputBytes).toBeLessThan(loose.outputBytes)
    expect(kept.sparsity).toBeCloseTo(0.6, 3)
    expect(kept.options).toMatchObject({ keepMask: true, method: 'joint', schedule: 'uniform' })
    await convert(at('kept'), { format: 'safetensors', out: at('opened') })
    const [before, after] = ['pruned', 'opened'].map(name => readFile(join(at(name), 'model.safetensors')))
    for (const { name } of kept.layers) {
      const zeros = (file: typeof before): number[] =>
        file ? [...values(file, name)].flatMap((value, index) => (value === 0 ? [index] : [])) : []
      const now = new Set(zeros(after))
      const gone = zeros(before).filter(at => !now.has(at))
      expect(gone, name).toEqual([])
      // Four bits may round a small survivor to 0.
      expect(now.size, name).toBeLessThan(1.01 * zeros(before).length)
    }
    const both = compress(at('pruned'), { ...four, keepMask: true, sparsity: 0.5, out: at('both') })
    const error = await kerfError(both)
    expect(error).toMatchObject({ code: 'BAD_OPTION', details: { option: 'sparsity' } })
    expect(error.message).toContain('keepMask')
  })
})

describe('convert', () => {
  it('writes dense tensors with exact zeros', () => {
    const file = readFile(join(dense, 'model.safetensors'))
    const weights = values(file, layer)
    const zeros = weights.filter(value => value === 0).length / weights.length
    expect(zeros).toBeGreaterThan(0.65)
    expect(zeros).toBeLessThan(0.75)
    expect(Object.keys(file.header).sort()).toEqual(
      Object.keys(readFile(join(stories, 'model.safetensors')).header).sort(),
    )
  })

  it('to kerf keeps the packed form', () => {
    // The job's own record (options, calibration) is not part of a converted container.
    expect(Math.abs(folderBytes(again) / folderBytes(small) - 1)).toBeLessThan(0.01)
  })
})

describe.each([
  ['the original', () => stories],
  ['a kerf container', () => small],
  ['dense safetensors', () => dense],
  ['a converted container', () => again],
])('%s', (_, model) => {
  it('can be inspected', async () => {
    const seen = await inspect(model())
    expect(seen.parameters).toBe(260032)
    expect(seen.architecture).toBe('llama')
  })

  it('can be evaluated and compared with the original', async () => {
    const alone = await evaluate(model(), { textFile: sample })
    const both = await compare(stories, model(), { textFile: sample })
    expect(both.small.perplexity).toBeCloseTo(alone.perplexity ?? NaN, 6)
    expect(both.original.perplexity).toBeLessThanOrEqual(both.small.perplexity ?? NaN)
    expect(both.kl).toBeGreaterThanOrEqual(-1e-9)
    expect(both.smallBytes).toBe(folderBytes(model()))
    if (model() === stories) {
      expect(both.topTokenAgreement).toBe(1)
      expect(both.kl).toBeLessThan(1e-9)
    }
  })

  it('can write', async () => {
    const pieces: string[] = []
    const options = { maxTokens: 24, temperature: 0.8, topP: 0.9, seed: 7 }
    const text = await generate(model(), 'Once upon a time', {
      ...options,
      onToken: piece => pieces.push(piece),
    })
    expect(pieces.join('')).toBe(text.text)
    expect(text.tokens).toBeLessThanOrEqual(24)
    expect(text.tokens).toBeGreaterThan(0)
    expect((await generate(model(), 'Once upon a time', options)).text).toBe(text.text)
  })

  it('can embed', async () => {
    const vectors = await embed(model(), ['a cat', 'a dog', 'a cat'])
    expect(vectors).toHaveLength(3)
    expect(vectors[0]).toBeInstanceOf(Float32Array)
    expect(vectors[0]).toHaveLength(64)
    expect(vectors[2]).toEqual(vectors[0])
    expect(vectors[1]).not.toEqual(vectors[0])
  })

  it('can embed after a prompt, and keep the start of each vector', async () => {
    const [whole] = await embed(model(), ['Once upon a time'])
    const [after] = await embed(model(), ['a time'], { prompt: 'Once upon ' })
    expect(after).toEqual(whole)
    const [start] = await embed(model(), ['Once upon a time'], { dimensions: 8 })
    expect(start).toEqual(whole?.slice(0, 8))
  })

  it('can be converted to what the container holds', async () => {
    const out = join(temporaryFolder(), 'dense')
    await convert(model(), { format: 'safetensors', out })
    const weights = (path: string): Float32Array => values(readFile(join(path, 'model.safetensors')), layer)
    expect(weights(out)).toEqual(weights(model() === stories ? stories : dense))
  })
})

describe('an original compressed twice', () => {
  it('is refused', async () => {
    const error = await kerfError(compress(small, { ...quick, out: join(folder, 'twice') }))
    expect(error.code).toBe('ALREADY_COMPRESSED')
    expect(names(folder)).toEqual(['again', 'dense', 'small'])
  })
})

describe.skipIf(!encoder)('a sentence encoder (skipped where the shared models are absent)', () => {
  const model = encoder ?? ''
  const out = join(folder, 'encoder')

  it('is compressed, embeds, and stays close to the original', async () => {
    await compress(model, { sparsity: 0.5, bits: 8, tokens: 2048, out })
    const texts = ['A man plays the guitar.', 'Somebody is making music.', 'Shares fell on Monday.']
    const [before, after] = [await embed(model, texts), await embed(out, texts)]
    const cosine = (a: Float32Array, b: Float32Array): number =>
      a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0)
    for (const [index, vector] of before.entries()) {
      expect(vector).toHaveLength(384)
      expect(cosine(vector, vector)).toBeCloseTo(1, 4)
      expect(cosine(vector, after[index] ?? vector)).toBeGreaterThan(0.8)
    }
    let cut = 0
    await embed(out, ['short', 'word '.repeat(2000)], { onTruncated: count => (cut = count) })
    expect(cut).toBe(1)
    const error = await kerfError(generate(out, 'Once'))
    expect(error.code).toBe('WRONG_KIND')
  })
})
