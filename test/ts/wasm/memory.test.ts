import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { names, temporaryFolder } from '../support/folders.js'
import { hostFiles } from '../support/host-files.js'
import { sample, stories } from '../support/models.js'
import { hasWasm, invoke, loadThreads } from '../support/wasm.js'

// The build with threads takes its memory from outside, so a test can give it little.
const PAGES = 640

describe.skipIf(!hasWasm('threads'))('a module without memory', () => {
  test('breaks down with a typed error, and leaves no result', async () => {
    const folder = temporaryFolder()
    cpSync(stories, join(folder, 'stories260K'), { recursive: true })
    cpSync(sample, join(folder, 'text.txt'))
    const wasm = await loadThreads(2, PAGES)
    const request = {
      model: 'stories260K',
      calibration: { file: 'text.txt' },
      options: { tokens: 9000, method: 'obs' },
    }
    expect(() => invoke(wasm, 'compress', request, hostFiles(folder))).toThrow(WebAssembly.RuntimeError)
    const { error } = JSON.parse(wasm.failure() ?? '{}') as { error: { code: string; details: object } }
    expect(error.code).toBe('OUT_OF_MEMORY')
    expect(error.details).toMatchObject({ heldBytes: expect.any(Number), askedBytes: expect.any(Number) })
    expect(names(folder)).not.toContain('stories260K-kerf')
  })
})
