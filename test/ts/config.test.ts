// Configurations: where they are found, how each kind is read, what wins, and what is refused with the name of the file.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, loadConfig, plan } from 'kerf'
import { afterEach, describe, expect, it } from 'vitest'
import { json, jsonError, kerf } from './support/cli.js'
import { kerfError } from './support/errors.js'
import { names, temporaryFolder } from './support/folders.js'
import { root, stories } from './support/models.js'

const base = temporaryFolder()
const home = process.cwd()
let count = 0

/** A fresh folder with one file in it. */
function folderWith(file: string, content: string): string {
  const folder = join(base, `case-${(count += 1)}`)
  mkdirSync(folder)
  writeFileSync(join(folder, file), content)
  return folder
}

afterEach(() => process.chdir(home))

const BODY = `{
  model: ${JSON.stringify(stories)},
  out: './small',
  preset: 'compact',
  tokens: 512,
  rules: [{ match: { role: 'down' }, bits: 8 }],
}`
const TYPESCRIPT = `import { defineConfig, type KerfConfig } from 'kerf'
const config: KerfConfig = defineConfig(${BODY})
export default config
`
const JSON_TEXT = JSON.stringify({ model: stories, out: './small', preset: 'compact', tokens: 512 })

describe('a configuration', () => {
  it.each([
    ['kerf.config.ts', TYPESCRIPT],
    ['kerf.config.mts', TYPESCRIPT],
    ['kerf.config.mjs', `export default ${BODY}`],
    ['kerf.config.cjs', `module.exports = ${BODY}`],
    ['kerf.config.json', JSON_TEXT],
  ])('is found as %s, with paths relative to it', async (file, content) => {
    const folder = folderWith(file, content)
    process.chdir(folder)
    const loaded = await loadConfig()
    expect(loaded).toMatchObject({ model: stories, options: { preset: 'compact', tokens: 512 } })
    expect(loaded?.options.out).toBe(join(process.cwd(), 'small'))
    process.chdir(home)
    expect((await loadConfig(join(folder, file)))?.options.out).toBe(join(folder, 'small'))
    const planned = await plan(loaded!.model!, loaded!.options)
    expect(planned.options).toMatchObject({ method: 'entropy', targetBits: 4, tokens: 512 })
  })

  it('is not needed', async () => {
    process.chdir(folderWith('other.json', '{}'))
    expect(await loadConfig()).toBeUndefined()
    expect(defineConfig({ bits: 4 })).toEqual({ bits: 4 })
  })

  it.each([
    ['kerf.config.json', '{"bits": 9}', 'option bits: expected a whole number from 2 to 8'],
    ['kerf.config.json', '{"sparsty": 0.5}', 'option sparsty: expected one of'],
    [
      'kerf.config.json',
      '{"rules": [{"match": "*", "bits": 4}, {"match": 3, "bits": 4}]}',
      'option rules[1].match',
    ],
    ['kerf.config.json', '[]', 'it must export one object'],
    ['kerf.config.json', '{"bits": ', 'JSON'],
    ['kerf.config.mjs', 'export const bits = 4', 'it must export one object, as its default'],
    ['kerf.config.ts', 'throw new Error("no luck")', 'no luck'],
    ['kerf.config.yaml', 'bits: 4', 'its name must end in one of .ts'],
  ])('%s of %j is refused', async (file, content, sentence) => {
    const path = join(folderWith(file, content), file)
    const error = await kerfError(loadConfig(path))
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message.startsWith(`configuration ${path}: `)).toBe(true)
    expect(error.message).toContain(sentence)
    expect(error.message).not.toContain('\n')
  })

  it('is refused when it is missing, or not the only one', async () => {
    expect((await kerfError(loadConfig(join(base, 'no.json')))).message).toContain('it does not exist')
    const folder = folderWith('kerf.config.json', '{}')
    writeFileSync(join(folder, 'kerf.config.mjs'), 'export default {}')
    process.chdir(folder)
    expect((await kerfError(loadConfig())).message).toContain('kerf.config.json is there too')
  })
})

describe('the command line', () => {
  it('takes model and options from a configuration, and flags win', async () => {
    const folder = folderWith('kerf.config.ts', TYPESCRIPT)
    const file = join(folder, 'kerf.config.ts')
    const planned = json(await kerf(['plan', '--config', file, '--bits', '3', '--json'])) as never
    expect(planned).toMatchObject({
      options: { method: 'joint', sparsity: 0, bits: 3, tokens: 512, rules: [{ bits: 8 }] },
    })
    const done = json(await kerf(['compress', '--config', file, '--json']))
    expect(done['out']).toBe(join(folder, 'small'))
    expect(names(folder)).toEqual(['kerf.config.ts', 'small'])
  })

  it('names the file of a bad configuration, and says what is missing without one', async () => {
    const folder = folderWith('kerf.config.json', '{"bits": 1}')
    const bad = await kerf(['plan', '--config', join(folder, 'kerf.config.json'), '--json'])
    expect(jsonError(bad)).toMatchObject({ code: 'CONFIG_INVALID', details: { option: 'bits' } })
    expect(bad.code).toBe(2)
    const none = await kerf(['plan', '--no-config', '--json'])
    expect(jsonError(none).message).toContain("'model'")
    expect(none.code).toBe(2)
  })
})

describe('the JSON Schema', () => {
  const schema = JSON.parse(readFileSync(join(root, 'dist', 'kerf.config.schema.json'), 'utf8')) as {
    properties: Record<string, Record<string, unknown>>
    additionalProperties: boolean
    definitions: Record<string, { enum?: unknown[]; properties?: object }>
  }

  it('knows every option with its range and its words', () => {
    expect(schema.additionalProperties).toBe(false)
    for (const name of ['model', 'out', 'sparsity', 'bits', 'rules', 'preset', 'maxMemory', 'calibration']) {
      expect(schema.properties[name], name).toBeDefined()
      expect(schema.properties[name]?.['description'], name).toBeTruthy()
    }
    expect(schema.properties['sparsity']).toMatchObject({ minimum: 0, maximum: 0.99 })
    expect(schema.properties['bits']?.['enum']).toContain(16)
    expect(schema.properties['onProgress']).toBeUndefined()
    expect(schema.definitions['Preset']?.enum).toContain('small')
    expect(Object.keys(schema.definitions['MatrixRule']?.properties ?? {})).toContain('match')
  })
})

// The worked example of the guide is the one that is tested.
it('reads the configuration of the guide', async () => {
  const guide = join(root, 'docs', 'examples', 'kerf.config.ts')
  const folder = join(base, 'guide')
  mkdirSync(folder)
  cpSync(guide, join(folder, 'kerf.config.ts'))
  const loaded = await loadConfig(join(folder, 'kerf.config.ts'))
  const planned = await plan(stories, loaded?.options)
  expect(new Set(planned.tensors.map(tensor => tensor.rule))).toEqual(new Set([undefined, 0, 1, 2]))
})
