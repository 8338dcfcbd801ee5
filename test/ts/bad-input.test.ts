// Bad input gets a clear error and loses nothing: no output under the final name, no journal in the way, the input unchanged.
import { compress, evaluate, inspect } from 'kerf'
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { kerfError } from './support/errors.js'
import { copyModel, digest, names, temporaryFolder } from './support/folders.js'
import { quick, sample, stories } from './support/models.js'
import { edit, shard, type File } from './support/safetensors.js'

const weight = 'model.layers.1.self_attn.q_proj.weight'

/** A damaged copy of the model, in a folder of its own. */
function damaged(damage: (model: string) => void): { model: string; folder: string; out: string } {
  const folder = temporaryFolder()
  const model = copyModel(stories, folder, 'model')
  damage(model)
  return { model, folder, out: join(folder, 'out') }
}

/** What compress says of it. Nothing may be left under the final name. */
async function refusal(place: ReturnType<typeof damaged>, options: object = {}) {
  const before = digest(place.model)
  const error = await kerfError(compress(place.model, { ...quick, out: place.out, ...options }))
  expect(names(place.folder)).not.toContain('out')
  expect(digest(place.model)).toEqual(before)
  expect(error.message).not.toContain('\n')
  return error
}

const header = (change: (header: File['header']) => void) => (model: string) =>
  edit(model, file => change(file.header))

const tensor = (headers: File['header'], name = weight) => {
  const entry = headers[name]
  if (!entry) throw new Error(`no tensor ${name}`)
  return entry
}

describe('a damaged model', () => {
  it('with a truncated shard', async () => {
    const place = damaged(model => {
      shard(model)
      truncateSync(join(model, 'model-00002-of-00002.safetensors'), 100_000)
    })
    const error = await refusal(place)
    expect(error.code).toBe('TRUNCATED')
    expect(error.message).toContain('model-00002-of-00002.safetensors')
    expect(error.details['actualBytes']).toBe(100_000)
    expect((await kerfError(inspect(place.model))).code).toBe('TRUNCATED')
  })

  it('that lost a shard which its index names', async () => {
    const place = damaged(model => {
      shard(model)
      rmSync(join(model, 'model-00001-of-00002.safetensors'))
    })
    const error = await refusal(place)
    expect(error.code).toBe('BAD_INDEX')
    expect(error.message).toContain('model-00001-of-00002.safetensors')
  })

  it.each<[string, (model: string) => void]>([
    ['claims a length of 2^60 bytes', model => lie(model, 2n ** 60n)],
    ['claims to be as long as the file', model => lie(model, 1_044_992n)],
    ['is no JSON', model => lie(model, 64n)],
    ['has overlapping tensors', header(h => void (tensor(h).data_offsets = [0, 64 * 64 * 4]))],
    ['points behind the end', header(h => void (tensor(h).data_offsets = [2 ** 40, 2 ** 40 + 64 * 64 * 4]))],
    ['has offsets in the wrong order', header(h => void tensor(h).data_offsets.reverse())],
    ['has a shape of another size', header(h => void (tensor(h).shape = [64, 65]))],
    ['has a shape whose product overflows', header(h => void (tensor(h).shape = [2 ** 40, 2 ** 40]))],
    ['has a negative dimension', header(h => void (tensor(h).shape = [-64, -64]))],
    ['has an unknown element type', header(h => void (tensor(h).dtype = 'F99'))],
  ])('whose header %s', async (_, damage) => {
    const place = damaged(damage)
    const error = await refusal(place)
    expect(['BAD_HEADER', 'TRUNCATED']).toContain(error.code)
    expect(error.message).toContain('model.safetensors')
    expect((await kerfError(inspect(place.model))).code).toBe(error.code)
  })

  it('with a matrix of the wrong shape', async () => {
    const error = await refusal(damaged(header(h => void (tensor(h).shape = [32, 128]))))
    expect(error.code).toBe('WRONG_SHAPE')
    expect(error.details).toMatchObject({ tensor: weight, expected: [64, 64], actual: [32, 128] })
  })

  it('without a tensor that its architecture needs', async () => {
    const renamed = header(h => {
      h['model.layers.1.self_attn.x_proj.weight'] = tensor(h)
      delete h[weight]
    })
    const error = await refusal(damaged(renamed))
    expect(error.code).toBe('TENSOR_MISSING')
    expect(error.details).toMatchObject({ tensor: weight })
  })

  it.each([
    ['NaN', NaN],
    ['infinity', -Infinity],
  ])('with %s in its weights', async (_, value) => {
    const place = damaged(model =>
      edit(model, ({ header, data }) => void data.writeFloatLE(value, tensor(header).data_offsets[0] + 40)),
    )
    const error = await refusal(place)
    expect(error.code).toBe('NON_FINITE')
    expect(error.details).toMatchObject({ tensor: weight, index: 10 })
    expect((await refusal(place, { method: 'magnitude', sparsity: 0.5 })).code).toBe('NON_FINITE')
  })

  it.each([
    ['no JSON', '{"model_type": "llama"'],
    ['a field missing', '{"model_type": "llama"}'],
    ['a size of zero', config({ hidden_size: 0 })],
    ['a size of 2^60', config({ num_hidden_layers: 2 ** 60 })],
    ['heads that do not divide', config({ num_attention_heads: 7 })],
  ])('with a configuration that has %s', async (_, text) => {
    const error = await refusal(damaged(model => writeFileSync(join(model, 'config.json'), text)))
    expect(['BAD_CONFIG', 'NOT_A_MODEL', 'BAD_HEADER', 'WRONG_SHAPE', 'TENSOR_MISSING']).toContain(error.code)
  })

  it('that is no model at all', async () => {
    const folder = temporaryFolder()
    expect((await kerfError(inspect(folder))).code).toBe('NOT_A_MODEL')
    expect((await kerfError(inspect(join(folder, 'nothing')))).code).toBe('NOT_FOUND')
  })
})

describe('an architecture that is not known', () => {
  const place = damaged(model => writeFileSync(join(model, 'config.json'), config({ model_type: 'mystery' })))

  it('is refused by methods with calibration, with the way out', async () => {
    const error = await refusal(place)
    expect(['METHOD_NEEDS_ARCHITECTURE', 'UNKNOWN_ARCHITECTURE']).toContain(error.code)
    expect(error.message).toMatch(/mystery.*magnitude/)
    expect((await kerfError(evaluate(place.model, { textFile: sample }))).code).toBe('UNKNOWN_ARCHITECTURE')
  })

  it.each(['rtn', 'magnitude'] as const)('is compressed by %s, with a note', async method => {
    const out = join(place.folder, method)
    const sparsity = method === 'rtn' ? 0 : 0.5
    const report = await compress(place.model, { method, sparsity, out })
    expect(report.notes.join(' ')).toContain('mystery')
    expect(report.layers.length).toBeGreaterThanOrEqual(35)
    const seen = await inspect(out)
    expect(seen).toMatchObject({ form: 'kerf', known: false, parameters: 260032 })
  })
})

describe('an empty calibration', () => {
  it.each<[string, (folder: string) => string | string[], string]>([
    ['no texts', () => [], '0 texts'],
    ['empty texts', () => ['', '  '], '2 texts'],
    [
      'an empty file',
      folder => {
        writeFileSync(join(folder, 'empty.txt'), '')
        return join(folder, 'empty.txt')
      },
      'empty.txt',
    ],
  ])('of %s is refused', async (_, calibration, named) => {
    const place = damaged(() => undefined)
    const error = await refusal(place, { calibration: calibration(place.folder) })
    expect(error.code).toBe('CALIBRATION_EMPTY')
    expect(error.message).toContain(named)
  })

  it('from a file that does not exist or is not UTF-8 is refused', async () => {
    const place = damaged(model =>
      writeFileSync(join(model, '..', 'latin.txt'), Buffer.from([0x61, 0xe9, 0x62])),
    )
    expect((await refusal(place, { calibration: join(place.folder, 'none.txt') })).code).toBe('NOT_FOUND')
    expect((await refusal(place, { calibration: join(place.folder, 'latin.txt') })).code).toBe('NOT_UTF8')
  })
})

describe('an output folder that exists', () => {
  it('is refused and stays as it is', async () => {
    const place = damaged(() => undefined)
    mkdirSync(place.out)
    writeFileSync(join(place.out, 'mine.txt'), 'mine')
    const error = await kerfError(compress(place.model, { ...quick, out: place.out }))
    expect(error.code).toBe('OUTPUT_EXISTS')
    expect(error.message).toContain(place.out)
    expect(names(place.out)).toEqual(['mine.txt'])
    expect(readFileSync(join(place.out, 'mine.txt'), 'utf8')).toBe('mine')
    expect(names(place.folder)).toEqual(['model', 'out'])
  })

  it('that is the default one is refused too', async () => {
    const place = damaged(model => mkdirSync(`${model}-kerf`))
    expect((await kerfError(compress(place.model, quick))).code).toBe('OUTPUT_EXISTS')
  })
})

describe('too little memory', () => {
  it('is said before the start', async () => {
    const place = damaged(() => undefined)
    const error = await refusal(place, { maxMemory: '100kB' })
    expect(error.code).toBe('MEMORY_LIMIT')
    expect(names(place.folder)).toEqual(['model'])
  })
})

/** Overwrites the length of the header. */
function lie(model: string, length: bigint): void {
  const path = join(model, 'model.safetensors')
  const bytes = readFileSync(path)
  bytes.writeBigUInt64LE(length)
  writeFileSync(path, bytes)
}

/** The configuration of the model with other fields. */
function config(fields: object): string {
  const original = JSON.parse(readFileSync(join(stories, 'config.json'), 'utf8')) as object
  return JSON.stringify({ ...original, ...fields })
}
