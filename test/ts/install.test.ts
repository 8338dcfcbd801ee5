// Installed as a user installs it: packed, resolved by npm through optionalDependencies, loaded from both module systems.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { choose, cratesIn } from '../../scripts/lib/notices.mjs'
import { PLATFORMS, platformTriple } from '../../ts/backend/platform.js'
import { names, temporaryFolder } from './support/folders.js'
import { encoder, root, stories } from './support/models.js'
import { stage, tarballs } from './support/packed.js'
import { dependencyFolders, installedBytes, npm, openRegistry, type Registry } from './support/registry.js'

const run = promisify(execFile)
const folder = temporaryFolder()
const esm = project('esm', 'module')
const cjs = project('cjs', 'commonjs')
const platform = platformTriple()
const MEGABYTE = 1e6
const hasPage = existsSync(join(root, 'dist', 'page', 'index.html'))
let registry: Registry

/** An empty project, as `npm init` leaves it. */
function project(name: string, type: string): string {
  const path = join(folder, name)
  mkdirSync(path)
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name, version: '1.0.0', type }))
  return path
}

beforeAll(async () => {
  await tarballs()
  const main = join(stage, 'kerf')
  const platforms = readdirSync(join(stage, 'npm')).map(name => join(stage, 'npm', name))
  const packages = [
    main,
    ...platforms,
    ...(hasPage ? [join(stage, 'browser')] : []),
    ...dependencyFolders(main),
  ]
  registry = await openRegistry(packages, join(folder, 'packed'))
  await npm(esm, registry.url, 'install', 'kerf')
  await npm(cjs, registry.url, 'install', 'kerf')
})
afterAll(() => registry.close())

async function node(cwd: string, file: string, source: string): Promise<Record<string, unknown>> {
  writeFileSync(join(cwd, file), source)
  const { stdout } = await run(process.execPath, [file], { cwd })
  return JSON.parse(stdout) as Record<string, unknown>
}

async function kerf(...args: string[]): Promise<string> {
  const settings = { cwd: esm, shell: process.platform === 'win32' }
  return (await run('npx', ['--no-install', 'kerf', ...args], settings)).stdout
}

describe('npm install kerf', () => {
  it('has a package for each platform that the loader knows', () => {
    expect(names(join(stage, 'npm'))).toEqual([...PLATFORMS].sort())
  })

  it('fetches the addon of this platform and of no other', () => {
    expect(names(join(esm, 'node_modules', '@kerf'))).toEqual([`node-${platform}`])
    expect(new Set(registry.fetched.filter(name => name.startsWith('@kerf/')))).toEqual(
      new Set([`@kerf/node-${platform}`]),
    )
  })

  it('publishes no private flag, no scripts, no tools of the build', () => {
    const text = readFileSync(join(esm, 'node_modules', 'kerf', 'package.json'), 'utf8')
    const manifest = JSON.parse(text) as Record<string, unknown>
    for (const field of ['private', 'scripts', 'devDependencies', 'napi'])
      expect(manifest).not.toHaveProperty(field)
    const files = readdirSync(join(esm, 'node_modules', 'kerf'), { recursive: true }) as string[]
    expect(files.filter(file => /\.(map|node|test\.ts)$/.test(file))).toEqual([])
    for (const part of ['LICENSE', 'README.md']) expect(files).toContain(part)
  })

  it('leaves what browsers need to a package of its own', async () => {
    expect(registry.fetched).not.toContain('@kerf/browser')
    expect(readFileSync(join(esm, 'node_modules', 'kerf', 'dist', 'browser.js'), 'utf8')).toBe(
      "export * from '@kerf/browser'\n",
    )
    await expect(kerf('page', '--port', '0')).rejects.toMatchObject({
      stderr: expect.stringContaining('npm install @kerf/browser') as string,
    })
  })

  it.skipIf(!hasPage)('serves the page of that package', async () => {
    const both = project('both', 'module')
    await npm(both, registry.url, 'install', 'kerf', '@kerf/browser')
    const program = join(both, 'node_modules', 'kerf', 'dist', 'cli.js')
    const child = spawn(process.execPath, [program, 'page', '--port', '0', '--json'])
    try {
      const [line] = (await once(child.stdout, 'data')) as [Buffer]
      const { url } = JSON.parse(line.toString()) as { url: string }
      for (const name of ['', 'worker.js', 'wasm/single/kerf_wasm_bg.wasm']) {
        expect((await fetch(url + name)).status).toBe(200)
      }
    } finally {
      child.kill('SIGINT')
    }
  })

  it('takes at most 18 MB with every dependency', () => {
    const bytes = installedBytes(join(esm, 'node_modules'))
    console.log(
      `installed: ${(bytes / MEGABYTE).toFixed(2)} MB in ${names(join(esm, 'node_modules')).length} packages`,
    )
    expect(bytes).toBeGreaterThan(MEGABYTE)
    expect(bytes).toBeLessThanOrEqual(18 * MEGABYTE)
  })

  it('compresses, generates and embeds in an ESM project', async () => {
    const seen = await node(esm, 'user.js', `import { compress, embed, generate } from 'kerf'${body('esm')}`)
    check(seen, esm)
  })

  it('compresses, generates and embeds in a CommonJS project', async () => {
    const seen = await node(
      cjs,
      'user.js',
      `const { compress, embed, generate } = require('kerf')${body('cjs')}`,
    )
    check(seen, cjs)
  })

  it.skipIf(encoder === undefined)(
    'embeds with a sentence encoder (needs all-MiniLM-L6-v2 of the folder shared)',
    async () => {
      const source = `import { embed } from 'kerf'
      const [a, b] = await embed(${JSON.stringify(encoder)}, ['A saw.', 'A saw.'])
      console.log(JSON.stringify({ length: a.length, same: a.every((x, i) => x === b[i]) }))`
      expect(await node(esm, 'embed.js', source)).toEqual({ length: 384, same: true })
    },
  )

  it('brings the command kerf', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    expect((await kerf('--version')).trim()).toBe(version)
    expect(JSON.parse(await kerf('inspect', stories, '--json'))).toMatchObject({ parameters: 260032 })
  })

  it.each([
    ['ESM, nodenext', () => esm, 'nodenext', 'nodenext'],
    ['ESM, bundler', () => esm, 'esnext', 'bundler'],
    ['CommonJS, nodenext', () => cjs, 'nodenext', 'nodenext'],
    ['CommonJS, node16', () => cjs, 'node16', 'node16'],
  ])(
    'has types for %s, without @types/node and with library checks',
    async (_, where, module, resolution) => {
      const source = `import { compress, KerfError, type CompressReport, type ProgressEvent } from 'kerf'
      export const run = (onProgress: (event: ProgressEvent) => void): Promise<CompressReport> =>
        compress('m', { sparsity: 0.7, bits: 4, signal: new AbortController().signal, onProgress })
      // @ts-expect-error: there is no such option
      void compress('m', { sparsty: 0.7 })
      export const code = (e: KerfError): string => e.code\n`
      writeFileSync(join(where(), 'user.ts'), source)
      const flags = ['--noEmit', '--strict', '--target', 'es2022', '--module', module]
      const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
      const args = [compiler, ...flags, '--moduleResolution', resolution, 'user.ts']
      const { stdout } = await run(process.execPath, args, { cwd: where() }).catch(
        (error: { stdout: string }) => error,
      )
      expect(stdout).toBe('')
    },
  )

  it('says so when node_modules was installed on another system', async () => {
    const copied = project('copied', 'module')
    await npm(copied, registry.url, 'install', 'kerf', '--os=win32', '--cpu=x64')
    const seen = await failure(copied)
    expect(seen['code']).toBe('ADDON_MISSING')
    expect(seen['message']).toContain(`@kerf/node-${platform}`)
    expect(seen['message']).toMatch(/@kerf\/node-win32-x64-msvc is, because .*another system.*npm install/)
  })

  it('says so when optional dependencies were left out', async () => {
    const bare = project('bare', 'module')
    await npm(bare, registry.url, 'install', 'kerf', '--omit=optional')
    const seen = await failure(bare)
    expect(seen['code']).toBe('ADDON_MISSING')
    expect(seen['message']).toMatch(
      /@kerf\/node-\S+, .* is not installed: optional dependencies .*without --omit=optional/,
    )
  })
})

describe('what is published', () => {
  const folders = (): string[] => [
    join(stage, 'kerf'),
    ...readdirSync(join(stage, 'npm')).map(name => join(stage, 'npm', name)),
    ...(hasPage ? [join(stage, 'browser')] : []),
  ]

  it('has nothing that publint finds', async () => {
    for (const pkgDir of folders().filter(at => !at.includes('npm') || at.endsWith(platform))) {
      const { messages } = await publint({ pkgDir, pack: false, strict: true })
      expect([pkgDir, messages]).toEqual([pkgDir, []])
    }
  })

  it.each([
    ['all but the part for pages', ['--exclude-entrypoints', './browser', './kerf.config.schema.json']],
    ['the part for pages, which is an ES module', ['--entrypoints', './browser', '--profile', 'esm-only']],
  ])('has types that attw finds right: %s', async (_, which) => {
    const tarball = names(join(root, '.work', 'pack')).find(name => /^kerf-\d.*\.tgz$/.test(name)) ?? ''
    const program = join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js')
    const args = [program, join(root, '.work', 'pack', tarball), '--no-color', '--format', 'ascii', ...which]
    // It ends with another code where there is a problem, and prints what it ignores.
    const ended = await run(process.execPath, args).then(
      () => undefined,
      (error: { stdout: string }) => error.stdout,
    )
    expect(ended).toBeUndefined()
  })

  it('has whatever its README links to', () => {
    const text = readFileSync(join(stage, 'kerf', 'README.md'), 'utf8')
    const links = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, to]) => to ?? '')
    const inside = links.filter(to => !to.startsWith('https://'))
    expect(inside.length).toBeGreaterThan(8)
    expect(inside.filter(to => !existsSync(join(stage, 'kerf', to)))).toEqual([])
  })

  it('says its size truly in the README', () => {
    const [, stated] = /([\d.]+) MB installed/.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? []
    const bytes = installedBytes(join(esm, 'node_modules'))
    expect(Math.abs(Number(stated) * MEGABYTE - bytes)).toBeLessThan(0.3 * MEGABYTE)
  })

  it('names this version in the changelog', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    expect(readFileSync(join(stage, 'kerf', 'CHANGELOG.md'), 'utf8')).toContain(`## ${version}`)
  })

  it('has a notice of every crate inside, under a licence that may be', () => {
    for (const at of folders().slice(1)) {
      const part = at.endsWith('browser') ? 'module' : 'addon'
      const text = readFileSync(join(at, 'THIRD-PARTY-NOTICES.txt'), 'utf8')
      const crates = cratesIn(part)
      expect(crates.length).toBeGreaterThan(50)
      for (const { name, version, licence } of crates) {
        expect(text).toContain(`${name} ${version}  ${licence}\n`)
        expect([name, choose(licence)]).toEqual([name, expect.any(Array)])
      }
    }
    expect(cratesIn('addon').map(({ name }) => name)).toEqual(
      expect.arrayContaining(['napi', 'mimalloc', 'tokenizers']),
    )
  })

  it.each([
    ['GPL-3.0', undefined],
    ['MIT AND GPL-2.0', undefined],
    ['GPL-3.0 OR MIT', ['MIT']],
    ['Unlicense/MIT', ['Unlicense']],
    ['(MIT OR Apache-2.0) AND Unicode-3.0', ['MIT', 'Unicode-3.0']],
    ['Apache-2.0 WITH LLVM-exception OR GPL-3.0', ['Apache-2.0 WITH LLVM-exception']],
  ])('takes of the licences %s: %s', (expression, chosen) => {
    expect(choose(expression)).toEqual(chosen)
  })
})

/** What both projects do with the package. */
function body(type: 'esm' | 'cjs'): string {
  const model = JSON.stringify(stories)
  const work = `
      const report = await compress(${model}, { out: 'small', sparsity: 0.5, bits: 4, tokens: 1024 })
      const { text } = await generate('small', 'Once upon a time', { maxTokens: 12 })
      const [vector] = await embed('small', ['Once upon a time'])
      const { sparsity, inputBytes: input, outputBytes: output } = report
      console.log(JSON.stringify({ sparsity, input, output, text, width: vector.length }))`
  return type === 'esm'
    ? work
    : `;(async () => {${work}
})()`
}

function check(seen: Record<string, unknown>, where: string): void {
  expect(seen['sparsity']).toBeCloseTo(0.5, 2)
  expect(seen['output']).toBeLessThan((seen['input'] as number) / 2)
  expect(seen['text']).toMatch(/[a-z]{2}/)
  expect(seen['width']).toBe(64)
  expect(existsSync(join(where, 'small', 'config.json'))).toBe(true)
}

function failure(where: string): Promise<Record<string, unknown>> {
  const source = `import { inspect } from 'kerf'
    inspect(${JSON.stringify(stories)}).catch(error => console.log(JSON.stringify(error)))`
  return node(where, 'fails.js', source)
}
