// A bad parameter is refused before anything starts, in one sentence with its name, what was expected and what came.
import * as kerf from 'kerf'
import { describe, expect, it } from 'vitest'
import { kerfError } from './support/errors.js'
import { names, temporaryFolder } from './support/folders.js'
import { stories } from './support/models.js'

type Loose = (...args: unknown[]) => Promise<unknown>
const loose = kerf as unknown as Record<string, Loose>
const folder = temporaryFolder()
const out = `${folder}/out`

const cases: [string, unknown[], string, string][] = [
  ['compress', [3], 'model', 'expected a path, got 3'],
  ['compress', [''], 'model', 'expected a path, got ""'],
  ['compress', [stories, null], 'options', 'expected an object, got null'],
  ['compress', [stories, { out, sparsity: 1.5 }], 'sparsity', 'expected a number from 0 to 0.99, got 1.5'],
  ['compress', [stories, { out, sparsity: '0.7' }], 'sparsity', 'got "0.7"'],
  ['compress', [stories, { out, sparsity: NaN }], 'sparsity', 'got NaN'],
  ['compress', [stories, { out, bits: 9 }], 'bits', 'from 2 to 8, or 16'],
  [
    'compress',
    [stories, { out, method: 'best' }],
    'method',
    'one of rtn, magnitude, wanda, obs, descent, admm, joint, entropy, got "best"',
  ],
  ['compress', [stories, { out, maxMemory: '2 gigs' }], 'maxMemory', 'got "2 gigs"'],
  ['compress', [stories, { out, maxMemory: 0 }], 'maxMemory', 'more than 0 bytes'],
  ['compress', [stories, { out, calibration: [1] }], 'calibration', 'an array of texts, got an array of 1'],
  ['compress', [stories, { out, sparsty: 0.5 }], 'sparsty', 'got an unknown option'],
  ['compress', [stories, { out, seed: 0.5 }], 'seed', 'a whole number'],
  ['compress', [stories, { out, strict: 'yes' }], 'strict', 'true or false'],
  ['compress', [stories, { out, pattern: '4:2' }], 'pattern', '4:2'],
  ['compress', [stories, { out, groupSize: 100 }], 'groupSize', '100'],
  ['compress', [stories, { out, onProgress: 1 }], 'onProgress', 'a function, got 1'],
  ['compress', [stories, { out, signal: {} }], 'signal', 'an AbortSignal, got an object'],
  ['compress', [stories, { out, preset: 'huge' }], 'preset', 'one of safe, light, compact, small, tiny'],
  ['compress', [stories, { out, quality: 'ok' }], 'quality', 'one of fast, balanced, best'],
  ['compress', [stories, { out, rules: {} }], 'rules', 'an array of rules, got an object'],
  ['compress', [stories, { out, rules: ['*'] }], 'rules[0]', 'an object with match'],
  ['compress', [stories, { out, rules: [{ bits: 4 }] }], 'rules[0].match', 'got undefined'],
  ['compress', [stories, { out, rules: [{ match: '*', bit: 4 }] }], 'rules[0].bit', 'an unknown option'],
  ['compress', [stories, { out, rules: [{ match: '*', bits: 1 }] }], 'rules[0].bits', 'got 1'],
  ['compress', [stories, { out, rules: [{ match: '*' }] }], 'rules[0]', 'a rule that changes nothing'],
  [
    'compress',
    [stories, { out, rules: [{ match: { layer: 1 }, bits: 4 }] }],
    'rules[0].match.layer',
    'name, role',
  ],
  [
    'compress',
    [stories, { out, rules: [{ match: { blocks: 0.5 }, bits: 4 }] }],
    'rules[0].match.blocks',
    '0.5',
  ],
  [
    'compress',
    [stories, { out, rules: [{ match: { blocks: 'a' }, bits: 4 }] }],
    'rules[0].match.blocks',
    'a range',
  ],
  [
    'plan',
    [stories, { rules: [{ match: { role: 'qkv' }, bits: 4 }] }],
    'rules[0].match',
    'roles embedding, q, k',
  ],
  ['plan', [stories, { tokens: 0 }], 'tokens', 'of at least 1'],
  ['plan', [stories, { blend: 1.5 }], 'blend', 'from 0 to 1'],
  ['inspect', [stories, { deep: true }], 'deep', 'unknown option'],
  ['evaluate', [stories, {}], 'text', 'at least one of text, textFile, pairs, task, qa and completion'],
  ['evaluate', [stories, { text: 'a', context: 1 }], 'context', 'of at least 2'],
  ['compare', [stories, 5, { text: 'a' }], 'small', 'got 5'],
  ['generate', [stories, 5], 'prompt', 'a string, got 5'],
  ['generate', [stories, 'a', { topP: 2 }], 'topP', 'from 0 to 1'],
  ['embed', [stories, 'a text'], 'texts', 'an array of strings, got "a text"'],
  ['embed', [stories, ['a text'], { dimensions: 0 }], 'dimensions', 'of at least 1'],
  ['embed', [stories, ['a text'], { prompt: 1 }], 'prompt', 'a string, got 1'],
  ['embed', [stories, ['a text'], { promptName: 'search' }], 'promptName', 'one of document, query'],
  ['convert', [stories, { out, format: 'zip' }], 'format', 'one of kerf, safetensors'],
  ['convert', [stories, { format: 'kerf' }], 'out', 'a path, got undefined'],
]

describe('a bad parameter', () => {
  it.each(cases)('of %s is refused: %j', async (name, args, option, sentence) => {
    const error = await kerfError(loose[name]!(...args))
    expect(error.code).toBe('BAD_OPTION')
    expect(error.message.startsWith(`option ${option}: expected `)).toBe(true)
    expect(error.message).toContain(sentence)
    expect(error.message).not.toContain('\n')
    expect(error.details).toMatchObject({ option })
    expect(names(folder)).toEqual([])
  })
})
