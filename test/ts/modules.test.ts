// The package from both module systems, with types, as its users load it.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from './support/folders.js'
import { root, stories } from './support/models.js'
import { runNode } from './support/node.js'

const folder = temporaryFolder()
mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true })
symlinkSync(root, join(folder, 'node_modules', 'kerf'))
symlinkSync(join(root, 'node_modules', '@types', 'node'), join(folder, 'node_modules', '@types', 'node'))

const functions = ['compare', 'compress', 'convert', 'embed', 'evaluate', 'generate', 'inspect', 'plan']
const body = `
  const names = Object.keys(kerf).filter(name => typeof kerf[name] === 'function').sort()
  kerf.inspect(${JSON.stringify(stories)}).then(({ parameters }) =>
    console.log(JSON.stringify({ names, parameters, version: kerf.version() })))`

interface Seen {
  names: string[]
  parameters: number
  version: string
}

async function load(file: string, source: string): Promise<Seen> {
  writeFileSync(join(folder, file), source)
  return JSON.parse(await runNode(folder, [file])) as Seen
}

describe('the package', () => {
  it('is an ES module', async () => {
    const seen = await load('a.mjs', `import * as kerf from 'kerf'\n${body}`)
    expect(seen.names).toEqual(expect.arrayContaining([...functions, 'KerfError']))
    expect(seen.parameters).toBe(260032)
    expect(seen.version).toMatch(/^\d+\.\d+\.\d+/)
  })

  it('is a CommonJS module with the same exports', async () => {
    const esm = await load('b.mjs', `import * as kerf from 'kerf'\n${body}`)
    const cjs = await load('b.cjs', `const kerf = require('kerf')\n${body}`)
    expect(cjs).toEqual(esm)
  })

  it('can be imported without an addon, and says at the first call what is missing', async () => {
    mkdirSync(join(folder, 'bare'))
    const copy = `import { copyFileSync } from 'node:fs'
      copyFileSync(${JSON.stringify(join(root, 'dist', 'index.js'))}, 'bare/index.mjs')
      const { inspect } = await import('./bare/index.mjs')
      inspect('x').catch(error => console.log(JSON.stringify({ ...error.toJSON(), name: error.name })))`
    const seen = (await load('c.mjs', copy)) as unknown as { code: string; name: string; message: string }
    expect(seen.code).toBe('ADDON_MISSING')
    expect(seen.name).toBe('KerfError')
    expect(seen.message).toMatch(/@kerf\/node-\S+, .*npm run build/)
  })

  it('has strict types for both module systems', async () => {
    const source = `import { compress, KerfError, type CompressReport } from 'kerf'
      export async function f(): Promise<number> {
        const report: CompressReport = await compress('m', { sparsity: 0.7, bits: 4, calibration: ['a'], maxMemory: '2GiB' })
        return report.layers[0]?.sparsity ?? 0
      }
      export const g = (e: unknown): string => (e instanceof KerfError && e.code === 'OUTPUT_EXISTS' ? e.message : '')
      // @ts-expect-error: there is no such code
      export const h = (e: KerfError): boolean => e.code === 'NO_SUCH_CODE'
      // @ts-expect-error: a number is asked for
      void compress('m', { bits: 'four' })
      // @ts-expect-error: there is no such option
      void compress('m', { sparsty: 0.7 })
      // @ts-expect-error: there is no such method
      void compress('m', { method: 'best' })\n`
    writeFileSync(join(folder, 'user.mts'), source)
    writeFileSync(join(folder, 'user.cts'), source)
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node']
    expect(await runNode(folder, [compiler, ...flags, 'user.mts', 'user.cts'])).toBe('')
  })
})
