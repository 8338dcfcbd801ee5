// A model of a type that kerf does not know, described in JSON: the flag and the option of every function that runs a model.
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'kerf'
import { beforeAll, describe, expect, it } from 'vitest'
import { json, jsonError, kerf } from './support/cli.js'
import { temporaryFolder } from './support/folders.js'
import { sample, stories } from './support/models.js'

const folder = temporaryFolder()
const model = join(folder, 'spiral')
const small = join(folder, 'small')
const texts = join(folder, 'texts.txt')
const description = join(folder, 'spiral.json')
const described = ['--architecture', description]

beforeAll(async () => {
  cpSync(stories, model, { recursive: true })
  const config = readFileSync(join(model, 'config.json'), 'utf8')
  writeFileSync(join(model, 'config.json'), config.replace('"llama"', '"spiral"'))
  writeFileSync(description, '{ "like": "llama", "id": "spiral", "modelTypes": ["spiral"] }')
  writeFileSync(texts, 'one text\nanother text\n')
  const ended = await kerf(['compress', model, '--out', small, '--tokens', '512', ...described])
  expect(ended.code, ended.stderr).toBe(0)
})

describe('--architecture', () => {
  const cases: [string, string[]][] = [
    ['inspect', [model]],
    ['plan', [model]],
    ['eval', [model, '--text', sample]],
    ['compare', [model, small, '--text', sample]],
    ['generate', [model, '--prompt', 'Once', '--max-tokens', '4']],
    ['embed', [model, '--text', texts]],
  ]
  it.each(cases)('makes the model known to %s', async (command, args) => {
    const known = await kerf([command, ...args, ...described, '--json'])
    expect(known.code, known.stdout).toBe(0)
    if (command === 'inspect') return expect(json(known)).toMatchObject({ known: true })
    const unknown = jsonError(await kerf([command, ...args, '--json']))
    expect(['UNKNOWN_ARCHITECTURE', 'METHOD_NEEDS_ARCHITECTURE']).toContain(unknown.code)
    expect(unknown.message).toContain('--architecture')
  })

  it('goes with the result, which opens without it', async () => {
    expect(existsSync(join(small, 'kerf-architecture.json'))).toBe(true)
    const ended = await kerf(['eval', small, '--text', sample, '--json'])
    expect(ended.code, ended.stdout).toBe(0)
  })

  it('names the field that is wrong', async () => {
    const wrong = join(folder, 'wrong.json')
    writeFileSync(wrong, '{ "like": "llama", "order": "sideways" }')
    const error = jsonError(await kerf(['inspect', model, '--architecture', wrong, '--json']))
    expect(error.code).toBe('BAD_ARCHITECTURE')
    expect(error.details).toMatchObject({ path: wrong, field: 'order' })
  })
})

it('is an option of the functions', async () => {
  expect(await inspect(model)).toMatchObject({ known: false, architecture: 'spiral' })
  expect(await inspect(model, { architecture: description })).toMatchObject({ known: true, blocks: 5 })
})
