import { describe, expect, it } from 'vitest'
import { collapse } from '../../../ts/cli/output/collapse.js'
import { bytes, duration, integer, percent, shellWord, shorten, significant } from '../../../ts/format.js'
import { barLine, plainLine } from '../../../ts/cli/output/progress-line.js'
import { repairs } from '../../../ts/cli/output/report.js'
import { facts, table, wrap } from '../../../ts/cli/output/table.js'
import { showInspection } from '../../../ts/cli/output/inspection.js'
import { nextCommands, type Kind } from '../../../ts/cli/output/next.js'
import { suggest } from '../../../ts/suggest.js'
import type { Inspection, TensorInfo } from '../../../ts/generated/index.js'
import { wantsColor, type Screen } from '../../../ts/cli/screen.js'
import { parseSize } from '../../../ts/size.js'
import pc from 'picocolors'

function screen(width: number): Screen & { lines: string[] } {
  const lines: string[] = []
  const line = (text = ''): void => void lines.push(text)
  return {
    lines,
    line,
    write: line,
    put: async text => line(String(text)),
    width,
    colors: pc.createColors(false),
  }
}

describe('numbers for people', () => {
  it('bytes', () => {
    expect([0, 999, 1000, 999_499, 999_999, 17_234_567, 5e9].map(bytes)).toEqual([
      '0 B',
      '999 B',
      '1.00 kB',
      '999 kB',
      '1.00 MB',
      '17.2 MB',
      '5.00 GB',
    ])
  })

  it('counts, shares, durations', () => {
    expect([0, 999, 1000, 1234567].map(integer)).toEqual(['0', '999', '1,000', '1,234,567'])
    expect([0.7, 1, 0.12345].map(percent)).toEqual(['70 %', '100 %', '12.3 %'])
    expect([0.04, 9.96, 59.4, 75.4, 3725].map(duration)).toEqual([
      '0.0 s',
      '10.0 s',
      '59 s',
      '1 min 15 s',
      '1 h 2 min',
    ])
    expect([0, 5.24586, 0.0123456, 1e-7, 123456].map(value => significant(value, 3))).toEqual([
      '0',
      '5.25',
      '0.0123',
      '1.00e-7',
      '123456',
    ])
  })

  it('names and paths', () => {
    expect(shorten('model.layers.0.weight', 12)).toBe('mod…0.weight')
    expect(shorten('short', 12)).toBe('short')
    expect(shellWord("it's here")).toBe("'it'\\''s here'")
    expect(shellWord('./a-b/c')).toBe('./a-b/c')
  })
})

describe('sizes', () => {
  it.each([
    [5, 5],
    ['2GiB', 2 ** 31],
    ['1.5 MB', 1_500_000],
    ['100kb', 100_000],
    ['7', 7],
  ])('%j is %i bytes', (text, expected) => expect(parseSize('maxMemory', text)).toBe(expected))

  it.each(['', '2G', '-1', '1e9', 'GiB', '2 giga', -1, 1.5, NaN, null, {}])('%j is none', value => {
    expect(() => parseSize('maxMemory', value)).toThrow(/^option maxMemory: expected .*2GiB.*, got /)
  })
})

describe('a narrow terminal', () => {
  const event = {
    stage: 'solve',
    done: 12,
    total: 35,
    unit: 'matrices',
    name: 'model.layers.1.self_attn.q_proj.weight',
    overall: 0.349,
  } as const
  const state = { event, elapsed: 65, left: 125 }
  const plain = pc.createColors(false)

  it.each([5, 10, 20, 30, 39, 40, 60, 80, 120])('never wraps a line of progress at %i columns', width => {
    for (const end of [{}, { end: 'done' }, { end: 'stopped' }] as const) {
      const line = barLine({ ...state, ...end }, width, plain)
      expect(line.length).toBeLessThanOrEqual(width)
      if (width >= 30) expect(line).toContain(end.end === 'done' ? '100 %' : '34 %')
      expect(plainLine({ ...state, ...end }, width).length).toBeLessThanOrEqual(Math.max(width, 31))
    }
    const line = barLine(state, width, plain)
    if (width >= 39) expect(line).toMatch(/━+─+ +34 % +2 min 5 s.* shrink/)
    if (width >= 80) expect(line).toMatch(/2 min 5 s left {2}shrinking the matrices, .*weight$/)
    if (width >= 120) expect(line).toContain('q_proj')
  })

  it('says in the end how long it took, and no more that something is done', () => {
    expect(barLine({ ...state, end: 'done' }, 80, plain)).toMatch(/^━+ 100 % {2}1 min 5 s$/)
    expect(barLine({ ...state, end: 'stopped' }, 80, plain)).toMatch(/ {2}34 % {2}stopped after 1 min 5 s$/)
    expect(plainLine({ ...state, end: 'done' }, 80)).toBe('100 %, 1 min 5 s')
  })

  it('shows no time left that nobody knows, and no piece of text as a name', () => {
    const writing = { ...event, stage: 'generate', name: ' a piece' } as const
    expect(barLine({ event: writing, elapsed: 0.1, left: undefined }, 80, plain)).toMatch(
      / {2}34 % {2}writing text$/,
    )
  })

  it.each([30, 50, 80])('never wraps a table or facts at %i columns', width => {
    const small = screen(width)
    const name = 'model.layers.{0..4}.self_attn.q_proj.weight'
    table(
      small,
      [{ head: 'tensor' }, { head: 'bytes', right: true }, { head: 'part' }],
      [[name, '12.3 MB', 'target']],
    )
    facts(small, [['note', 'some words that are longer than the terminal is wide, so they go on below']])
    for (const line of small.lines) expect(line.length).toBeLessThanOrEqual(width)
    expect(small.lines[1]).toContain('weight')
  })

  it('wraps at spaces and keeps every word', () => {
    const text = 'one two three four five six seven'
    expect(wrap(text, 12).every(line => line.length <= 12)).toBe(true)
    expect(wrap(text, 12).join(' ').split(/ +/)).toEqual(text.split(' '))
  })
})

describe('names of tensors', () => {
  const tensor = (
    name: string,
    shape: number[],
    part: string,
    stored: string,
    bytes: number,
  ): TensorInfo => ({
    name,
    shape,
    dtype: 'F32',
    part,
    stored,
    bytes,
    file: 'model.kerf',
  })
  const blocks = Array.from({ length: 12 }, (_, block) => block)
  const place = 'encoder.layer'
  const found: Inspection = {
    form: 'kerf',
    architecture: 'bert',
    known: true,
    parameters: 1000,
    targetParameters: 900,
    bytes: 500,
    blocks: 12,
    hidden: 8,
    maxContext: 16,
    tensors: blocks.flatMap(block => [
      tensor(
        `${place}.${block}.attention.self.query.weight`,
        [384, 384],
        'target',
        `kerf 4 bit, ${60 + block}.5 % zeros`,
        100,
      ),
      tensor(
        `${place}.${block}.attention.self.value.weight`,
        [384, 384],
        'target',
        `kerf 4 bit, ${70 + block}.0 % zeros`,
        100,
      ),
      tensor(`${place}.${block}.attention.self.value.bias`, [384], 'other', 'plain', 10),
    ]),
    sidecars: [],
    facts: [],
    notes: [],
  }

  it('share a row over the blocks, whole, with all that is no matrix in one', () => {
    const small = screen(80)
    showInspection('small', found, small)
    const text = small.lines.join('\n')
    expect(text).toContain('  encoder.layer.{0..11}\n')
    expect(text).toMatch(/^ {4}attention\.self\.query +12 +1\.20 kB +4 bit, 60\.5-71\.5 % zeros +384x384/m)
    expect(text).toMatch(/^ {4}attention\.self\.value +12 +1\.20 kB +4 bit, 70\.0-81\.0 % zeros +384x384/m)
    expect(text).toMatch(/^ {2}everything else +12 +120 B/m)
    expect(text).toContain('36 tensors; --all lists each')
    expect(text).not.toContain('…')
    expect(small.lines.length).toBeLessThan(20)
  })

  it.each([40, 60, 80, 200])('are never cut in the list of all at %i columns', width => {
    const small = screen(width)
    showInspection('small', found, small, true)
    const lines = small.lines.map(line => line.trim().split(' ')[0])
    for (const { name } of found.tensors) expect(lines).toContain(name)
  })

  it.each([30, 50])('go on below where they are too long, at %i columns', width => {
    const small = screen(width)
    const name = 'model.layers.0.post_attention_layernorm.weight'
    table(small, [{ head: 'tensor' }, { head: 'bytes', right: true }], [[name, '1 B']], 'broken')
    const names = small.lines.slice(1).map(line => line.replace('1 B', '').trim())
    expect(names.join('')).toBe(name)
    for (const line of small.lines) expect(line.length).toBeLessThanOrEqual(width)
  })
})

describe('what comes next', () => {
  const next = (kind: Kind, model = './my model', options = {}): string[] => {
    const small = screen(40)
    nextCommands(model, "it's small", kind, options, small)
    return small.lines.slice(2)
  }

  it('fits the model, and a shell takes it as it is', () => {
    const small = `'it'\\''s small'`
    expect(next('decoder')).toEqual([
      `  kerf generate ${small} --prompt 'Once upon a time'`,
      `  kerf compare './my model' ${small} --text FILE.txt`,
    ])
    expect(next('encoder', 'm', { evalPairs: 'a b.csv' })).toEqual([
      `  echo 'One text a line.' | kerf embed ${small} --text -`,
      `  kerf compare m ${small} --pairs 'a b.csv'`,
    ])
    expect(next(undefined)).toEqual([`  kerf inspect ${small}`])
  })
})

describe('did you mean', () => {
  const names = ['sparsity', 'bits', 'maxMemory', 'method', 'gguf-q4_0', 'gguf-q8_0']
  it.each([
    ['sparsty', ['sparsity']],
    ['bist', ['bits']],
    ['max_memory', ['maxMemory']],
    ['max-memory', ['maxMemory']],
    ['METHOD', ['method']],
    ['gguf', ['gguf-q4_0', 'gguf-q8_0']],
    ['colour', []],
    ['', []],
    ['x', []],
  ])('%j', (word, expected) => expect(suggest(word, names)).toEqual(expected))
})

describe('what is alike', () => {
  it('shares a row', () => {
    const items = [0, 1, 2, 4].map(n => ({ name: `layers.${n}.q.weight`, bits: 4 }))
    const groups = collapse([...items, { name: 'embed', bits: 8 }], item => [`${item.bits}`])
    expect(groups.map(({ name, items }) => [name, items.length])).toEqual([
      ['layers.{0,1,2,4}.q.weight', 4],
      ['embed', 1],
    ])
  })

  it('repairs are counted by kind', () => {
    expect(repairs([])).toBe('none')
    expect(
      repairs([
        { kind: 'dampingRaised', tensor: 'a', dampingRel: 0.1 },
        { kind: 'dampingRaised', tensor: 'b', dampingRel: 0.1 },
        { kind: 'deadColumns', tensor: 'a', columns: 5 },
      ]),
    ).toBe('damping raised in 2 matrices, dead columns in 1 matrix')
  })
})

describe('colours', () => {
  const stream = (isTTY: boolean): NodeJS.WriteStream => ({ isTTY }) as NodeJS.WriteStream
  it('need a terminal, and give way to NO_COLOR', () => {
    expect(wantsColor(stream(true), {})).toBe(true)
    expect(wantsColor(stream(true), { NO_COLOR: '1', FORCE_COLOR: '1' })).toBe(false)
    expect(wantsColor(stream(true), { TERM: 'dumb' })).toBe(false)
    expect(wantsColor(stream(false), { CI: 'true' })).toBe(false)
    expect(wantsColor(stream(false), { FORCE_COLOR: '1' })).toBe(true)
  })
})
