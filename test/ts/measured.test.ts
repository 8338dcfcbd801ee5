// A calibrated run measures its own result, says it in one sentence, and keeps to a limit of loss.
import { compress, generate, inspect, type CompressReport } from 'kerf'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { jsonError, kerf } from './support/cli.js'
import { kerfError } from './support/errors.js'
import { names, temporaryFolder } from './support/folders.js'
import { encoder, quick, stories } from './support/models.js'

const folder = temporaryFolder()
const at = (name: string): string => join(folder, name)
const bytesOf = (model: string): Buffer => readFileSync(join(model, 'model.kerf'))

describe('what a run measures of its result', () => {
  it('is on held-out text and on other text, and worse for a smaller model', async () => {
    const run = (bits: number): Promise<CompressReport> =>
      compress(stories, { ...quick, bits, out: at(`bits-${bits}`) })
    const [fine, coarse] = [await run(8), await run(2)]
    for (const { measured } of [fine, coarse]) {
      expect(measured?.on.map(({ text }) => text)).toEqual(['held-out calibration text', 'other text'])
      expect(measured?.loss).toBe(measured?.on[0]?.kl)
      for (const { tokens, kl, topTokenAgreement } of measured?.on ?? []) {
        expect(tokens).toBeGreaterThan(50)
        expect(kl).toBeGreaterThanOrEqual(0)
        expect(topTokenAgreement).toBeLessThanOrEqual(1)
      }
    }
    expect(fine.measured?.grade).toBe('same')
    expect(fine.measured?.summary).toContain('hard to tell from the original (KL 0.0')
    expect(coarse.measured?.loss).toBeGreaterThan(10 * (fine.measured?.loss ?? 0))
    expect(coarse.measured?.summary).toMatch(/^(much worse|broken).* \(KL \d/)
  })

  it('is nothing where nothing was calibrated', async () => {
    const { measured } = await compress(stories, { preset: 'safe', out: at('safe') })
    expect(measured).toBeUndefined()
  })

  it.runIf(encoder)('is a cosine of an encoder', async () => {
    const options = { ...quick, quality: 'fast', bits: 3, out: at('encoder') } as const
    const { measured } = await compress(encoder ?? '', options)
    const [first] = measured?.on ?? []
    expect(first?.meanCosine).toBeGreaterThan(0.5)
    expect(measured?.loss).toBeCloseTo(1 - (first?.meanCosine ?? 0), 12)
    expect(first?.kl).toBeUndefined()
  })
})

describe('maxLoss', () => {
  const small = { ...quick, bits: 2 } as const

  it('keeps a result that lost more beside, whole, and writes nothing where the result would be', async () => {
    const out = at('limited')
    const error = await kerfError(compress(stories, { ...small, out, maxLoss: 0.01 }))
    expect(error.code).toBe('LOSS_TOO_HIGH')
    const { loss, limit, kept } = error.details as { loss: number; limit: number; kept: string }
    expect(limit).toBe(0.01)
    expect(loss).toBeGreaterThan(limit)
    expect(kept).toBe(`${out}-over-limit`)
    expect(existsSync(out)).toBe(false)
    expect((await inspect(kept)).architecture).toBe('llama')
    expect((await generate(kept, 'Once', { maxTokens: 4 })).tokens).toBe(4)

    const again = await kerfError(compress(stories, { ...small, out, maxLoss: 0.01 }))
    expect(again.details['kept']).toBe(`${out}-over-limit-2`)
    expect(names(folder).filter(name => name.includes('kerf-work'))).toEqual([])
  })

  it('changes nothing of a result that keeps to it', async () => {
    const free = await compress(stories, { ...small, out: at('free') })
    const limit = (free.measured?.loss ?? 0) * 1.001
    await compress(stories, { ...small, out: at('kept'), maxLoss: limit })
    expect(bytesOf(at('kept')).equals(bytesOf(at('free')))).toBe(true)
    expect(bytesOf(at('limited-over-limit')).equals(bytesOf(at('free')))).toBe(true)
  })

  it('is an error of the command line, whose sentence says what came and where it is', async () => {
    const flags = ['--bits', '2', '--tokens', '1024', '--threads', '2', '--max-loss', '0.01', '--no-config']
    const ended = await kerf(['compress', stories, '--out', at('cli'), ...flags, '--json'])
    expect(ended.code).toBe(1)
    const { code, message } = jsonError(ended)
    expect(code).toBe('LOSS_TOO_HIGH')
    expect(message).toMatch(
      /^the result lost more than --max-loss allows \([\d.]+, at most 0\.01\): .*KL .*; it is kept in .*cli-over-limit: /,
    )
  })
})
