// What the quality bench concludes must follow from its rows.
import { describe, expect, it } from 'vitest'
// @ts-expect-error plain JavaScript
import { draw, parseCsv } from '../../../benches/quality/seeds.mjs'
// @ts-expect-error plain JavaScript
import { alike, summary, withSpread } from '../../../benches/quality/statistics.mjs'
// @ts-expect-error plain JavaScript
import * as verdicts from '../../../benches/quality/verdicts.mjs'

const { equalBytes, plainLoss, schedulesAgainstUniform, standing } = verdicts

const row = (name: string, method: string, bits: number, mean: number, spread = 0) => ({
  name,
  args: ['--method', method],
  bits,
  loss: { mean, spread },
})
const plain = [
  row('a 2', 'a', 2, 0.1),
  row('a 4', 'a', 4, 0.001),
  row('b 2', 'b', 2.5, 0.09),
  row('b 3', 'b', 3.5, 0.0001),
].map(r => ({ ...r, plain: true }))

describe('mean and spread', () => {
  it('is the sample standard deviation, and absent for one value', () => {
    expect(summary([1, 2, 3])).toEqual({ mean: 2, spread: 1 })
    expect(withSpread(summary([1, 2, 3]), 2)).toBe('2.00 ± 1.00')
    expect(withSpread(summary([4]), 1)).toBe('4.0')
  })

  it('means within two deviations of their difference are alike', () => {
    const a = { mean: 1, spread: 0.03 }
    expect(alike(a, { mean: 1.099, spread: 0.04 })).toBe(true)
    expect(alike(a, { mean: 1.101, spread: 0.04 })).toBe(false)
    expect(alike({ mean: 1, spread: null }, { mean: 1.001, spread: null })).toBe(false)
  })
})

describe('at equal bytes', () => {
  it('takes the best curve, straight in the logarithm', () => {
    expect(plainLoss(plain.slice(0, 2), 3).mean).toBeCloseTo(0.01, 12)
    expect(plainLoss(plain, 3).mean).toBeCloseTo(0.003, 12)
    expect(plainLoss(plain, 2).mean).toBeCloseTo(0.1, 12)
    expect(plainLoss(plain, 1.9)).toBeNull()
    expect(plainLoss(plain, 4.1)).toBeNull()
  })

  it('a plain row that has more bits and more loss does not bend the curve', () => {
    const odd = [...plain.slice(0, 2), row('a worse', 'a', 3, 0.5)]
    expect(plainLoss(odd, 3).mean).toBeCloseTo(0.01, 12)
  })

  it('knows every kind of standing', () => {
    const kind = (bits: number, mean: number, spread = 0) =>
      standing(row('x', 'x', bits, mean, spread), plain).kind
    expect(kind(3, 0.002)).toBe('better')
    expect(kind(3, 0.004)).toBe('worse')
    expect(kind(3, 0.004, 0.001)).toBe('alike')
    expect(kind(1.5, 0.2)).toBe('smaller')
    expect(kind(1.5, 0.05)).toBe('better')
    expect(kind(10, 0.0001)).toBe('worse')
    expect(kind(10, 0.00001)).toBe('larger')
  })

  it('the text names rows on the side where their numbers are, and skips what failed', () => {
    const model = { loss: { name: 'loss', digits: 3 } }
    const rows = [
      ...plain,
      row('good', 'x', 3, 0.001),
      row('bad', 'x', 3, 0.5),
      { name: 'broken', args: [], failed: { code: 'X' } },
    ]
    const lines = equalBytes(model, rows).split('\n')
    expect(lines).toContain('- Better than plain quantization: good (3.00 bits: 0.001 against 0.003).')
    expect(lines).toContain('- Plain quantization wins over: bad (3.00 bits: 0.500 against 0.003).')
    expect(lines.join('\n')).not.toContain('broken')
    expect(equalBytes(model, [row('good', 'x', 3, 0.001)])).toBeNull()
  })

  it('schedules are held against uniform of the same method and size', () => {
    const model = { loss: { name: 'loss', digits: 3 } }
    const rows = [
      row('obs 70 %', 'obs', 3, 0.2),
      row('obs 70 % + 4 bit', 'obs', 3, 0.3),
      row('obs, owl 70 %', 'obs', 3, 0.1),
      row('obs, owl 70 % + 4 bit', 'obs', 3, 0.4),
    ]
    expect(schedulesAgainstUniform(model, rows).split('\n').slice(2)).toEqual([
      '- obs 70 %: owl is better than uniform (0.100, 0.200).',
      '- obs 70 % + 4 bit: owl is worse than uniform (0.400, 0.300).',
    ])
  })
})

describe('calibration sentences', () => {
  it('reads quoted fields', () => {
    const text = 'a,"b, ""c""",1\r\n"two\nlines",,2\n'
    expect(parseCsv(text)).toEqual([
      ['a', 'b, "c"', '1'],
      ['two\nlines', '', '2'],
    ])
    expect(parseCsv('x,y')).toEqual([['x', 'y']])
  })

  it('draws the same for a seed, another for another, nothing twice', () => {
    const values = Array.from({ length: 100 }, (_, i) => i)
    expect(draw(values, 20, 1)).toEqual(draw(values, 20, 1))
    expect(draw(values, 20, 1)).not.toEqual(draw(values, 20, 2))
    expect(new Set(draw(values, 100, 3)).size).toBe(100)
    expect(values[5]).toBe(5)
  })
})
