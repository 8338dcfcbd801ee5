import { cpSync, existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { compress } from 'kerf'
import { beforeAll, describe, expect, test } from 'vitest'
import { digest, temporaryFolder } from '../support/folders.js'
import { hostFiles, named } from '../support/host-files.js'
import { sample, stories } from '../support/models.js'
import { hasWasm, invoke, loadSingle, type Wasm } from '../support/wasm.js'

/** A host with the small model and its text, and the folder behind it. */
function host(room?: number) {
  const folder = temporaryFolder()
  cpSync(stories, join(folder, 'stories260K'), { recursive: true })
  cpSync(sample, join(folder, 'text.txt'))
  return { folder, files: hostFiles(folder, room) }
}

const calibration = { file: 'text.txt' }
const options = { sparsity: 0.7, bits: 4, tokens: 512, method: 'obs', schedule: 'uniform' } as const

describe.skipIf(!hasWasm('single'))('the module without threads', () => {
  let wasm: Wasm
  beforeAll(async () => {
    wasm = await loadSingle()
  })

  test('gives the bytes of the addon where both compute portably', async () => {
    const { folder, files } = host()
    const own = { ...options, isa: 'portable' } as const
    const out = join(temporaryFolder(), 'small')
    const native = await compress(stories, { ...own, out, calibration: sample })
    const result = invoke(wasm, 'compress', { model: 'stories260K', calibration, options: own }, files)
    expect(result.error).toBeUndefined()
    expect(digest(join(folder, 'stories260K-kerf'))).toEqual(digest(out))
    expect(result.ok?.isa).toBe('portable')
    expect(result.ok?.bitsPerWeight).toBe(native.bitsPerWeight)
    expect(readdirSync(folder).sort()).toEqual(['stories260K', 'stories260K-kerf', 'text.txt'])
  })

  test('computes with simd128, as well as the addon does', async () => {
    expect([wasm.isa(), wasm.version()]).toEqual(['simd128', expect.stringMatching(/^\d+\.\d+\.\d+/)])
    const { folder, files } = host()
    const all = { ...options, method: 'joint', schedule: 'probe' } as const
    const report = invoke(wasm, 'compress', { model: 'stories260K', calibration, options: all }, files).ok
    expect(report?.isa).toBe('simd128')
    expect(report?.peakRssBytes).toBeLessThanOrEqual(wasm.memoryBytes())
    const native = await compress(stories, {
      ...all,
      out: join(folder, 'native'),
      calibration: sample,
    })
    const score = (model: string) => {
      const result = invoke(wasm, 'evaluate', { model, textFile: 'text.txt' }, files)
      return result.ok?.nll as number
    }
    const [dense, own, other] = [score('stories260K'), score('stories260K-kerf'), score('native')]
    expect(own).toBeGreaterThan(dense)
    expect(Math.abs(own - other)).toBeLessThan(0.15 * (other - dense))
    expect(report?.bitsPerWeight).toBeCloseTo(native.bitsPerWeight, 1)
  })

  test('does every other function over the files of its host', () => {
    const { files } = host()
    const done = (command: string, request: object) => {
      const { ok, error } = invoke(wasm, command, request, files)
      expect(error).toBeUndefined()
      return ok ?? {}
    }
    const model = 'stories260K'
    expect(done('inspect', { model })).toMatchObject({ architecture: 'llama', kind: 'decoder' })
    expect(done('plan', { model, options }).seconds).toBeGreaterThan(0)
    const { ok, arrays } = invoke(wasm, 'embed', { model, texts: ['a dog', 'a cat'] }, files)
    expect(ok).toEqual({ dimensions: 64, tokens: 8, truncated: 0, notes: expect.any(Array) })
    expect(arrays['vectors']).toBeInstanceOf(Float32Array)
    // A buffer of its own: the module's memory may move, and may not be transferred.
    expect(arrays['vectors']?.buffer.byteLength).toBe(2 * 64 * 4)
    expect(done('generate', { model, prompt: 'Once', maxTokens: 8 })).toMatchObject({ tokens: 8 })
    expect(done('convert', { model, format: 'kerf', out: 'copies/kerf' })).toMatchObject({
      out: 'copies/kerf',
    })
    const same = done('compare', { original: model, small: 'copies/kerf', textFile: 'text.txt' })
    expect(same).toMatchObject({ kl: 0, topTokenAgreement: 1 })
    expect(wasm.commands()).toContain('evaluate')
  })

  test('goes on after a cancel, in another instance, to the same bytes', async () => {
    const { folder, files } = host()
    const whole = { model: 'stories260K', out: 'whole', calibration, options }
    const parts = { ...whole, out: 'parts' }
    expect(invoke(wasm, 'compress', whole, files).error).toBeUndefined()
    let steps = 0
    const cancelled = invoke(wasm, 'compress', parts, files, call => {
      steps += 1
      if (steps === 12) call.cancel()
    })
    expect(cancelled.error?.code).toBe('CANCELLED')
    expect([steps, existsSync(join(folder, 'parts'))]).toEqual([12, false])
    const second = await loadSingle('second')
    const resumed = invoke(second, 'compress', parts, files)
    expect(resumed.ok?.resumedUnits).toBeGreaterThan(0)
    expect(digest(join(folder, 'parts'))).toEqual(digest(join(folder, 'whole')))
    expect(readdirSync(folder).filter(name => name.startsWith('.'))).toEqual([])
  })

  test('says DISK_FULL where the quota ends, and goes on with more room', () => {
    const { folder, files } = host(60_000)
    const request = { model: 'stories260K', calibration, options }
    const { error } = invoke(wasm, 'compress', request, files)
    expect(error?.code).toBe('DISK_FULL')
    expect(existsSync(join(folder, 'stories260K-kerf'))).toBe(false)
    const resumed = invoke(wasm, 'compress', request, hostFiles(folder))
    expect(resumed.ok?.resumedUnits).toBeGreaterThan(0)
  })

  test('names what is wrong with a file, a request and a host', () => {
    const { folder, files } = host()
    const weights = join(folder, 'stories260K', 'model.safetensors')
    truncateSync(weights, 100_000)
    const model = 'stories260K'
    expect(invoke(wasm, 'inspect', { model }, files).error?.code).toBe('TRUNCATED')
    expect(invoke(wasm, 'inspect', { model: 'x' }, files).error?.code).toBe('NOT_FOUND')
    expect(invoke(wasm, 'inspect', {}, files).error?.code).toBe('BAD_REQUEST')
    const broken = {
      ...files,
      list: (): string[] => {
        throw named('InvalidStateError', 'the handle is closed')
      },
    }
    expect(invoke(wasm, 'inspect', { model }, broken).error).toMatchObject({
      code: 'IO',
      message: 'stories260K: the handle is closed',
      details: { kind: 'InvalidStateError' },
    })
  })

  test('tells of progress, and bears a listener that throws', () => {
    const { files } = host()
    const seen: string[] = []
    const call = new wasm.Call(
      'compress',
      JSON.stringify({ model: 'stories260K', calibration, options }),
      files,
      event => {
        seen.push((JSON.parse(event) as { stage: string }).stage)
        throw new Error('not the affair of the engine')
      },
    )
    let answer: ReturnType<typeof call.step>
    while (answer === undefined) answer = call.step()
    expect(JSON.parse(answer.json)).toHaveProperty('ok')
    expect(call.step()).toBeUndefined()
    call.free()
    expect([...new Set(seen)]).toEqual(expect.arrayContaining(['plan', 'calibrate', 'solve', 'write']))
  })

  test('has the tokenizer inside and stays small', () => {
    const module = readFileSync(new URL('../../../dist/wasm/single/kerf_wasm_bg.wasm', import.meta.url))
    expect(module.length).toBeLessThan(6_000_000)
  })
})
