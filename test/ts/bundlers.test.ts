// docs/bundlers.md: kerf in the programs that bundlers make, with the bundlers that the build of kerf has anyway.
import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build as esbuild, type Format } from 'esbuild'
import { build as viteBuild } from 'vite'
import { describe, expect, it } from 'vitest'
import { isBundled } from '../../ts/backend/bundled.js'
import { platformTriple } from '../../ts/backend/platform.js'
import { temporaryFolder } from './support/folders.js'
import { root, stories } from './support/models.js'

const run = promisify(execFile)
const SOURCE = `import { inspect } from 'kerf'
inspect(${JSON.stringify(stories)}).then(
  ({ parameters }) => console.log(JSON.stringify({ parameters })),
  error => console.log(JSON.stringify(error)),
)`

/** A program with kerf installed beside it. It is a copy: what is linked, Vite takes for a part of the project. */
function program(): { app: string; entry: string } {
  const app = temporaryFolder()
  const installed = join(app, 'node_modules', 'kerf')
  mkdirSync(join(installed, 'dist'), { recursive: true })
  const addon = `kerf.${platformTriple()}.node`
  for (const file of [
    'package.json',
    ...['index.js', 'index.cjs', 'chat.js', 'hub.js', 'report.js', addon].map(name => join('dist', name)),
  ]) {
    copyFileSync(join(root, file), join(installed, file))
  }
  symlinkSync(join(root, 'node_modules', 'jiti'), join(app, 'node_modules', 'jiti'), 'junction')
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "type": "module" }')
  const entry = join(app, 'main.js')
  writeFileSync(entry, SOURCE)
  return { app, entry }
}

async function outcome(file: string): Promise<Record<string, unknown>> {
  const { stdout } = await run(process.execPath, [file])
  return JSON.parse(stdout) as Record<string, unknown>
}

const FORMATS: [Format, string][] = [
  ['esm', 'out.mjs'],
  ['cjs', 'out.cjs'],
]

describe('esbuild', () => {
  it.each(FORMATS)('with kerf external, %s', async (format, name) => {
    const { app, entry } = program()
    const outfile = join(app, name)
    await esbuild({
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      format,
      external: ['kerf'],
      outfile,
    })
    expect(await outcome(outfile)).toEqual({ parameters: 260032 })
  })

  it.each(FORMATS)('without it, %s: the error says what to write', async (format, name) => {
    const { entry } = program()
    const outfile = join(temporaryFolder(), 'dist', name)
    await esbuild({
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      format,
      outfile,
      logLevel: 'silent',
    })
    const { code, message, details } = await outcome(outfile)
    expect(code).toBe('ADDON_MISSING')
    expect(message).toMatch(/because kerf was bundled into a file there: .*external: \['kerf'\]/)
    expect(message).not.toMatch(/optional dependencies/)
    expect(details).toMatchObject({ isBundled: true })
  })
})

describe('Vite', () => {
  it('leaves kerf out of what it builds for a server', async () => {
    const { app, entry } = program()
    await viteBuild({ root: app, logLevel: 'silent', build: { ssr: entry, outDir: join(app, 'out') } })
    expect(await outcome(join(app, 'out', 'main.js'))).toEqual({ parameters: 260032 })
  })

  it('told to bundle it all the same, the error says what to write', async () => {
    const { app, entry } = program()
    const outDir = join(temporaryFolder(), 'out')
    const settings = { root: app, logLevel: 'silent', ssr: { noExternal: true as const } } as const
    await viteBuild({ ...settings, build: { ssr: entry, outDir, emptyOutDir: true } })
    writeFileSync(join(outDir, 'package.json'), '{ "type": "module" }')
    const { code, message } = await outcome(join(outDir, 'main.js'))
    expect([code, message]).toEqual(['ADDON_MISSING', expect.stringContaining("external: ['kerf']")])
  })
})

it('a checkout and an installation are not bundled, whatever else a folder is', () => {
  expect(isBundled(join(root, 'dist'))).toBe(false)
  const installed = join(temporaryFolder(), 'node_modules', 'kerf', 'dist')
  mkdirSync(installed, { recursive: true })
  expect(isBundled(installed)).toBe(false)
  // webpack writes down where the code was when it was built.
  expect(isBundled(join(temporaryFolder(), 'gone', 'node_modules', 'kerf', 'dist'))).toBe(true)
  expect(isBundled(temporaryFolder())).toBe(true)
})
