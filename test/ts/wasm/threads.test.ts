import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { digest, temporaryFolder } from '../support/folders.js'
import { hostFiles } from '../support/host-files.js'
import { sample, stories } from '../support/models.js'
import { hasWasm, invoke, loadSingle, loadThreads } from '../support/wasm.js'

const calibration = { file: 'text.txt' }
const options = { sparsity: 0.7, bits: 4, tokens: 512, method: 'obs', schedule: 'uniform' } as const

describe.skipIf(!hasWasm('threads') || !hasWasm('single'))('the module with threads', () => {
  test('gives the bytes of the one without, with files that belong to one thread', async () => {
    const folder = temporaryFolder()
    cpSync(stories, join(folder, 'stories260K'), { recursive: true })
    cpSync(sample, join(folder, 'text.txt'))
    const files = hostFiles(folder)
    const request = (out: string) => ({ model: 'stories260K', out, calibration, options })
    expect(invoke(await loadSingle(), 'compress', request('single'), files).error).toBeUndefined()
    const wasm = await loadThreads(2)
    const result = invoke(wasm, 'compress', request('threads'), files)
    expect(result.error).toBeUndefined()
    expect(digest(join(folder, 'threads'))).toEqual(digest(join(folder, 'single')))
    const texts = Array.from({ length: 50 }, (_, i) => `a dog and ${i} cats`)
    expect(invoke(wasm, 'embed', { model: 'threads', texts }, files).arrays['vectors']).toHaveLength(50 * 64)
  })
})
