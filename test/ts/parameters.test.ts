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
  ['compress', [3], 'model', 'expected a path, received 3'],
  ['compress', [''], 'model', 'expected a path, received ""'],
  ['compress', [stories, null], 'options', 'expected an object, received null'],
  [
    'compress',
    [stories, { out, sparsity: 1.5 }],
    'sparsity',
    'expected a number from 0 to 0.99, received 1.5',
  ],
  ['compress', [stories, { out, sparsity: '0.7' }], 'sparsity', 'received "0.7"'],
  ['compress', [stories, { out, sparsity: NaN }], 'sparsity', 'received NaN'],
  ['compress', [stories, { out, bits: 9 }], 'bits', 'from 2 to 8, or 16'],
  [
    'compress',
    [stories, { out, method: 'best' }],
    'method',
    'one of rtn, magnitude, wanda, obs, received "best"',
  ],
  ['compress', [stories, { out, maxMemory: '2 gigs' }], 'maxMemory', 'received "2 gigs"'],
  ['compress', [stories, { out, maxMemory: 0 }], 'maxMemory', 'more than 0 bytes'],
  [
    'compress',
    [stories, { out, calibration: [1] }],
    'calibration',
    'an array of texts, received an array of 1',
  ],
  ['compress', [stories, { out, sparsty: 0.5 }], 'sparsty', 'received an unknown option'],
  ['compress', [stories, { out, seed: 0.5 }], 'seed', 'a whole number'],
  ['compress', [stories, { out, strict: 'yes' }], 'strict', 'true or false'],
  ['compress', [stories, { out, pattern: '4:2' }], 'pattern', '4:2'],
  ['compress', [stories, { out, groupSize: 100 }], 'groupSize', '100'],
  ['compress', [stories, { out, onProgress: 1 }], 'onProgress', 'a function, received 1'],
  ['compress', [stories, { out, signal: {} }], 'signal', 'an AbortSignal, received an object'],
  ['plan', [stories, { tokens: 0 }], 'tokens', 'of at least 1'],
  ['inspect', [stories, { deep: true }], 'deep', 'unknown option'],
  ['evaluate', [stories, {}], 'text', 'at least one of text, textFile and pairs'],
  ['evaluate', [stories, { text: 'a', context: 1 }], 'context', 'of at least 2'],
  ['compare', [stories, 5, { text: 'a' }], 'small', 'received 5'],
  ['generate', [stories, 5], 'prompt', 'a string, received 5'],
  ['generate', [stories, 'a', { topP: 2 }], 'topP', 'from 0 to 1'],
  ['embed', [stories, 'a text'], 'texts', 'an array of strings, received "a text"'],
  ['convert', [stories, { out, format: 'zip' }], 'format', 'one of kerf, safetensors'],
  ['convert', [stories, { format: 'kerf' }], 'out', 'a path, received undefined'],
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
