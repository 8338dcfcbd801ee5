// One table of model folders as other tools write them, or damage them: what kerf makes of each. Values come from independent
// implementations (make_goldens.py, goldens.json); the rest of an outcome stands in the table.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compress, embed, evaluate, generate, inspect, KerfError } from 'kerf'
import { afterAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../ts/support/folders.js'
import { kerfError } from '../ts/support/errors.js'
import { root } from '../ts/support/models.js'
import { build, type Change } from './folder.js'

/** One row of cases.json. */
interface Case {
  name: string
  /** Folder in the repository. */
  base: string
  change: Change[]
  /** What is asked of it; several things are asked one after the other. */
  ask: Ask
  /** Who computed the expected values; a refusal and a note have none. */
  oracle?: string
  /** Every question ends with this code, and the sentence holds these texts. */
  refused?: { code: string; says: string[] }
  /** Texts that the notes of `inspect` hold, each in one of them; an empty list: no notes. */
  notes?: string[]
  /** Bytes of the result of `compress`, at most. */
  most?: number
}

interface Ask {
  evaluate?: { text: string }
  generate?: { prompt: string; maxTokens: number; temperature?: number }
  embed?: { texts: string[]; prompt?: string; promptName?: string; dimensions?: number }
  compress?: { method: string; sparsity?: number; bits?: number }
}

interface Golden {
  nll?: number
  tokens?: number
  text?: string
  vectors?: number[][]
}

const here = join(root, 'test', 'conformance')
const read = <T>(file: string): T => JSON.parse(readFileSync(join(here, file), 'utf8')) as T
const cases = read<Case[]>('cases.json')
const goldens = read<Record<string, Golden>>('goldens.json')
const folder = temporaryFolder()
const asked = new Set<string>()

describe.each(cases)('$name', one => {
  const model = join(folder, one.name)
  test('ends as the table says', async () => {
    build(join(root, one.base), model, one.change)
    if (one.refused) await isRefused(one, model)
    else await holds(one, model)
    asked.add(one.name)
  })
})

afterAll(() => {
  const known = new Set(cases.map(one => one.name))
  expect(Object.keys(goldens).filter(name => !known.has(name))).toEqual([])
})

async function isRefused({ refused, ask }: Case, model: string): Promise<void> {
  for (const question of questions(ask, model)) {
    const error: KerfError = await kerfError(question())
    expect(error.code, error.message).toBe(refused?.code)
    for (const text of refused?.says ?? []) expect(error.message).toContain(text)
  }
}

/** Each question as a promise of its answer. */
function questions(ask: Ask, model: string): (() => Promise<unknown>)[] {
  const { evaluate: text, generate: prompt, embed: texts, compress: options } = ask
  return [
    ...(text ? [() => evaluate(model, text)] : []),
    ...(prompt ? [() => generate(model, prompt.prompt, rest(prompt))] : []),
    ...(texts ? [() => embed(model, texts.texts, without(texts))] : []),
    ...(options ? [() => compress(model, { ...options, out: `${model}-small` } as never)] : []),
  ]
}

const rest = ({ prompt: _prompt, ...options }: NonNullable<Ask['generate']>): object => options
const without = ({ texts: _texts, ...options }: NonNullable<Ask['embed']>): object => options

/** Tolerance of a mean of f32 losses and of a vector of length 1: sums in another order. */
const NEAR = 1e-4

async function holds(one: Case, model: string): Promise<void> {
  const golden = goldens[one.name] ?? {}
  expect(one.oracle === undefined, 'an oracle has a golden').toBe(goldens[one.name] === undefined)
  const { ask } = one
  if (ask.evaluate) {
    const measured = await evaluate(model, ask.evaluate)
    expect(measured.tokens).toBe(golden.tokens)
    expect(Math.abs((measured.nll ?? NaN) - (golden.nll ?? 0))).toBeLessThan(NEAR)
  }
  if (ask.generate) {
    const { prompt, ...options } = ask.generate
    expect((await generate(model, prompt, options)).text).toBe(golden.text)
  }
  if (ask.embed) {
    const { texts, ...options } = ask.embed
    const vectors = await embed(model, texts, options as never)
    expect(vectors.length).toBe(golden.vectors?.length)
    for (const [index, vector] of vectors.entries()) {
      const expected = golden.vectors?.[index] ?? []
      expect(vector.length).toBe(expected.length)
      const scale = Math.max(...expected.map(Math.abs), 1)
      const worst = Math.max(...expected.map((value, at) => Math.abs(value - (vector[at] ?? NaN))))
      expect(worst).toBeLessThan(NEAR * scale)
    }
  }
  if (ask.compress) {
    const out = `${model}-small`
    const report = await compress(model, { ...ask.compress, out } as never)
    expect(existsSync(join(out, 'model.kerf'))).toBe(true)
    if (one.most !== undefined) expect(report.outputBytes).toBeLessThan(one.most)
  }
  if (one.notes) {
    const { notes } = await inspect(model)
    for (const text of one.notes) expect(notes.join('\n')).toContain(text)
    if (one.notes.length === 0) expect(notes).toEqual([])
  }
}
