// What quality is measured with, and how its charts are scaled.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cosine, meanCosine, nearest } from '../../../ts/quality/nearest.js'
import { promptsOf } from '../../../ts/quality/prompts.js'
import { PROSE } from '../../../ts/quality/prose.js'
import { SENTENCES } from '../../../ts/quality/sentences.js'
import { linearScale, logScale } from '../../../ts/report/charts/scale.js'
import { commandOf } from '../../../ts/report/command.js'
import { partsOf } from '../../../ts/report/parts.js'
import type { PlanReport } from 'kerf'
import { root } from '../support/models.js'
import { reportData } from '../support/report.js'

describe('the shipped samples', () => {
  const data = join(root, 'bindings', 'shared', 'data')
  const textOf = (folder: string): string =>
    readdirSync(join(data, folder))
      .map(file => readFileSync(join(data, folder, file), 'utf8').replace(/\s+/g, ' '))
      .join('\n')

  it.each(['calibration', 'probe'])('are no part of the text of %s', folder => {
    const calibration = textOf(folder)
    expect(calibration.length).toBeGreaterThan(10_000)
    for (const sentence of SENTENCES) expect(calibration).not.toContain(sentence)
    for (const line of PROSE.split('\n').filter(line => line.length > 40))
      expect(calibration).not.toContain(line)
  })

  it('have no sentence twice, and enough words', () => {
    expect(new Set(SENTENCES).size).toBe(SENTENCES.length)
    expect(PROSE.split(/\s+/).length).toBeGreaterThan(900)
  })
})

describe('neighbours', () => {
  const vectors = [
    [1, 0],
    [0, 1],
    [2, 0.1],
  ].map(v => Float32Array.from(v))

  it('are found by cosine, never by length, and never are the vector itself', () => {
    expect(nearest(vectors, 0)?.index).toBe(2)
    expect(nearest(vectors, 1)?.index).toBe(2)
    expect(nearest([vectors[0]!], 0)).toBeUndefined()
  })

  it('have the cosine of the books', () => {
    expect(cosine(Float32Array.of(1, 1), Float32Array.of(1, 0))).toBeCloseTo(Math.SQRT1_2, 6)
    expect(cosine(Float32Array.of(0, 0), Float32Array.of(1, 0))).toBe(0)
    expect(meanCosine(vectors.slice(0, 2), [vectors[0]!, vectors[0]!])).toBeCloseTo(0.5, 6)
  })
})

describe('prompts', () => {
  it('are beginnings of paragraphs, spread over the text', () => {
    const text = Array.from({ length: 9 }, (_, i) => `P${i} one two three four five six seven eight.`).join(
      '\n\n',
    )
    expect(promptsOf(text)).toEqual([0, 3, 6].map(i => `P${i} one two three four five six seven`))
  })

  it('are our own where a text has none', () => {
    expect(promptsOf('  \n\n ')).toEqual(promptsOf(undefined))
    expect(promptsOf('Short.')).toEqual(['Short.'])
  })
})

describe('an axis', () => {
  it.each([
    [0.011, 0.23],
    [0.0009, 0.12],
    [1e-9, 1],
    [0.5, 0.5],
    [1, 10],
    [3e-7, 4e5],
    [0.02, 0.02001],
  ])('from %d to %d is logarithmic: it holds all values between a few ticks in order', (least, most) => {
    const { min, max, ticks } = logScale([most, least])
    expect(min).toBeLessThanOrEqual(least)
    expect(max).toBeGreaterThanOrEqual(most)
    expect(max).toBeGreaterThan(min)
    expect([ticks[0], ticks.at(-1)]).toEqual([min, max])
    expect(ticks).toEqual([...ticks].sort((a, b) => a - b))
    expect(ticks.length).toBeGreaterThanOrEqual(2)
    expect(ticks.length).toBeLessThanOrEqual(9)
  })

  it.each([0, 0.3, 1, 2.33, 4.2, 9.6, 32, 1234])('of values up to %d has at most five steps from 0', top => {
    const { max, interval } = linearScale([0, top])
    expect(max).toBeGreaterThanOrEqual(top)
    expect(max / interval).toBeCloseTo(Math.round(max / interval), 9)
    expect(Math.round(max / interval)).toBeLessThanOrEqual(5)
  })
})

describe('the command of a report', () => {
  const { report } = reportData(1)

  it('names what was asked for and what decides the bytes', () => {
    const options = {
      ...report.options,
      groupSize: 64,
      strict: true,
      maxMemoryBytes: 2 ** 31,
      dampingRel: 0.02,
      blend: 0,
    }
    const command = commandOf(
      "it's here",
      { calibration: 'a b.txt', evalText: 'e.txt', report: 'r.html' },
      { ...report, options },
    )
    expect(command).toContain("npx kerf compress 'it'\\''s here' --out ./small ")
    for (const word of [
      `--method ${report.options.method}`,
      '--sparsity 0.7',
      '--bits 4',
      '--group-size 64',
      '--strict',
      '--max-memory 2147483648',
      '--damping 0.02',
      '--blend 0',
      '--isa avx2',
      "--calibration 'a b.txt'",
      '--eval-text e.txt',
      '--report r.html',
    ]) {
      expect(command).toContain(word)
    }
    expect(command).not.toMatch(/--(seed|threads|tokens|format|embedding-bits)/)
  })

  it('says that texts were given in code', () => {
    expect(commandOf('m', { calibration: ['a'] }, report)).toContain('# and the calibration texts')
  })
})

describe('bytes by part', () => {
  it('add up to all files, before and after', () => {
    const { report } = reportData(2)
    const tensor = { name: 't', shape: [1], dtype: 'F32', sparsity: 0, outputBytes: 0 }
    const tensors = [
      { ...tensor, part: 'target', inputBytes: 700_000 },
      { ...tensor, part: 'embedding', inputBytes: 100_000 },
      { ...tensor, part: 'kept', inputBytes: 10_000 },
    ]
    const parts = partsOf({ tensors } as unknown as PlanReport, report)
    expect(parts.map(part => part.before)).toEqual([700_000, 100_000, 200_000])
    expect(parts.reduce((sum, part) => sum + part.after, 0)).toBe(report.outputBytes)
    expect(parts[0]?.after).toBe((14 * 64 * 64 * 2.5) / 8)
  })
})
