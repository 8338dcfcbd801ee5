// A default that is stated is the one that is taken: in doc comments (so in editors, the schema, the API reference and docs/options.md).
import { plan, type CompressOptions, type PlanReport } from 'kerf'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { DEFAULT_OPTIONS, METHOD_PARAMS, PRESETS, QUALITIES } from '../../ts/generated/index.js'
import { parseSize } from '../../ts/size.js'
import { root, stories } from './support/models.js'

interface Property {
  description?: string
  default?: unknown
}

const schema = JSON.parse(readFileSync(join(root, 'dist', 'kerf.config.schema.json'), 'utf8')) as {
  properties: Record<string, Property>
}
/** Options with another name, and another unit, in the core. */
const CORE: Readonly<Record<string, string>> = {
  damping: 'dampingRel',
  maxMemory: 'maxMemoryBytes',
  maxShardSize: 'maxShardBytes',
}
let taken: Readonly<Record<string, unknown>>

beforeAll(async () => {
  const { options }: PlanReport = await plan(stories, { estimate: false })
  taken = {
    ...(await parameters()),
    ...options,
    estimate: true,
    calibration: 'builtin',
    force: false,
    preset: await sameAs(options, 'preset', PRESETS),
    quality: await sameAs(options, 'quality', QUALITIES),
  }
})

/** What the parameters of methods are where nothing is given, each beside the first method that has it. */
async function parameters(): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for (const [name, { methods }] of Object.entries(METHOD_PARAMS)) {
    const given: CompressOptions = { method: methods[0], estimate: false }
    const { options } = await plan(stories, given).catch(() => plan(stories, { ...given, sparsity: 0.5 }))
    found[name] = options[name as keyof typeof options]
  }
  return found
}

/** Names that mean what is taken where nothing is given. */
async function sameAs(
  options: PlanReport['options'],
  option: 'preset' | 'quality',
  names: readonly string[],
): Promise<string> {
  const same: string[] = []
  for (const name of names) {
    const given = { [option]: name, estimate: false } as CompressOptions
    const { [option]: _, ...others } = (await plan(stories, given)).options
    if (isDeepStrictEqual(others, options)) same.push(name)
  }
  return same.join(' or ')
}

/** What is taken for an option where nothing is given. */
function takenFor(option: string): unknown {
  const value = taken[CORE[option] ?? option]
  return value
}

/** Values that a text states: `Default 4`, "Default `kerf`", "Default 5 GB". "Default: words" states none. */
function stated(text: string): string[] {
  return [...text.matchAll(/\bDefault `?(\w+(?:[.-]\w+)*(?: [GM]B)?)`?(?=[.;,\s]|$)/g)].map(
    ([, value]) => value ?? '',
  )
}

function isSame(value: unknown, text: string): boolean {
  if (typeof value === 'number')
    return /[GM]B$/.test(text) ? value === parseSize('', text) : value === Number(text)
  return String(value) === text
}

describe('a stated default is the one that is taken', () => {
  it('in the doc comment of every option', () => {
    const wrong = Object.entries(schema.properties).flatMap(([option, { description = '' }]) =>
      stated(description)
        .filter(value => value !== 'where' && !isSame(takenFor(option), value))
        .map(value => `${option}: says ${value}, takes ${String(takenFor(option))}`),
    )
    expect(wrong).toEqual([])
    const checked = Object.values(schema.properties).filter(
      ({ description = '' }) => stated(description).length > 0,
    )
    expect(checked.length).toBeGreaterThan(10)
  })

  it('in the schema, for whatever has one that depends on nothing', () => {
    const given = Object.entries(schema.properties).filter(([, { default: value }]) => value !== undefined)
    expect(given.length).toBeGreaterThan(15)
    for (const [option, { default: value }] of given)
      expect([option, value]).toEqual([option, takenFor(option)])
  })

  it('in the constants that the command line prints', () => {
    for (const [option, value] of Object.entries(DEFAULT_OPTIONS))
      expect([option, value]).toEqual([option, taken[option]])
  })

  it('and a wrong one is found', () => {
    expect(stated('How a matrix is solved. Default `obs`.')).toEqual(['obs'])
    expect(stated('Largest file. Default 5 GB.')).toEqual(['5 GB'])
    expect(stated('Damping. Default 0.01.')).toEqual(['0.01'])
    expect(stated('Default: what the method says.')).toEqual([])
    expect(isSame(5e9, '5 GB')).toBe(true)
    expect(isSame('joint', 'obs')).toBe(false)
  })
})
