// The package from both module systems, with types, as its users load it.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from './support/folders.js'
import { root, stories } from './support/models.js'

const folder = temporaryFolder()
mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true })
symlinkSync(root, join(folder, 'node_modules', 'kerf'))
symlinkSync(join(root, 'node_modules', '@types', 'node'), join(folder, 'node_modules', '@types', 'node'))

const functions = ['compare', 'compress', 'convert', 'embed', 'evaluate', 'generate', 'inspect', 'plan']
const body = `
  const names = Object.keys(kerf).filter(name => typeof kerf[name] === 'function').sort()
  kerf.inspect(${JSON.stringify(stories)}).then(({ parameters }) =>
    console.log(JSON.stringify({ names, parameters, version: kerf.version() })))`

function load(file: string, source: string): { names: string[]; parameters: number; version: string } {
  writeFileSync(join(folder, file), source)
  return JSON.parse(execFileSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' }))
}

describe('the package', () => {
  it('is an ES module', () => {
    const seen = load('a.mjs', `import * as kerf from 'kerf'\n${body}`)
    expect(seen.names).toEqual(expect.arrayContaining([...functions, 'KerfError']))
    expect(seen.parameters).toBe(260032)
    expect(seen.version).toMatch(/^\d+\.\d+\.\d+/)
  })

  it('is a CommonJS module with the same exports', () => {
    const esm = load('b.mjs', `import * as kerf from 'kerf'\n${body}`)
    const cjs = load('b.cjs', `const kerf = require('kerf')\n${body}`)
    expect(cjs).toEqual(esm)
  })

  it('can be imported without an addon, and says at the first call what is missing', () => {
    mkdirSync(join(folder, 'bare'))
    const copy = `import { copyFileSync } from 'node:fs'
      copyFileSync(${JSON.stringify(join(root, 'dist', 'index.js'))}, 'bare/index.mjs')
      const { inspect } = await import('./bare/index.mjs')
      inspect('x').catch(error => console.log(JSON.stringify({ ...error.toJSON(), name: error.name })))`
    const seen = load('c.mjs', copy) as unknown as { code: string; name: string; message: string }
    expect(seen.code).toBe('ADDON_MISSING')
    expect(seen.name).toBe('KerfError')
    expect(seen.message).toMatch(/kerf\.\S+\.node.*npm run build/)
  })

  it.each([
    ['an ES module', 'user.mts', "import { compress, KerfError, type CompressReport } from 'kerf'"],
    ['a CommonJS module', 'user.cts', "import { compress, KerfError, type CompressReport } from 'kerf'"],
  ])('has strict types for %s', (_, file, head) => {
    const good = `${head}
      export async function f(): Promise<number> {
        const report: CompressReport = await compress('m', { sparsity: 0.7, bits: 4, calibration: ['a'], maxMemory: '2GiB' })
        return report.layers[0]?.sparsity ?? 0
      }
      export const g = (e: unknown): string => e instanceof KerfError && e.code === 'OUTPUT_EXISTS' ? e.message : ''\n`
    expect(typecheck(file, good)).toBe('')
    expect(typecheck(`bad-${file}`, good.replace("'OUTPUT_EXISTS'", "'NO_SUCH_CODE'"))).toContain('TS2367')
    expect(typecheck(`worse-${file}`, good.replace('bits: 4', "bits: 'four'"))).toContain('TS2322')
  })
})

/** What the compiler has to say; nothing if all is well. */
function typecheck(file: string, source: string): string {
  writeFileSync(join(folder, file), source)
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node']
  return spawnSync(process.execPath, [compiler, ...flags, file], { cwd: folder, encoding: 'utf8' }).stdout
}
