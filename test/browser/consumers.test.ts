// `import 'kerf'` in small projects: with Vite (built, and its dev server), with esbuild, and for the compiler.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { execFile, execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build as esbuild } from 'esbuild'
import { build as viteBuild, createServer } from 'vite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { root, useBrowser } from './support/chromium.js'
import { send, serve, type Site } from './support/server.js'

const browser = useBrowser()
const folder = mkdtempSync(join(tmpdir(), 'kerf-consumers-'))
const app = join(folder, 'app')
const model = join(root, 'test', 'fixtures', 'stories260K')
const expected = 'small kerf config.json true NOT_FOUND'

beforeAll(() => {
  cpSync(join(root, 'test', 'browser', 'consumers', 'app'), app, { recursive: true })
  // A copy of what is published: what is linked is treated as part of the project.
  execFileSync(process.execPath, [join(root, 'scripts', 'pack.mjs')], { cwd: root, stdio: 'ignore' })
  const stage = join(root, '.work', 'pack', 'stage')
  for (const [name, from] of [
    ['kerf', 'kerf'],
    ['@kerf/browser', 'browser'],
  ] as const) {
    cpSync(join(stage, from), join(app, 'node_modules', name), { recursive: true })
  }
  mkdirSync(join(app, 'public'), { recursive: true })
  symlinkSync(model, join(app, 'public', 'model'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Title that the page at the address ends with. */
async function outcome(url: string): Promise<string> {
  const page = await browser.context.newPage()
  await page.goto(url)
  await page.waitForFunction(() => document.title !== 'waiting')
  const title = await page.title()
  await page.close()
  return title
}

/** Serves a built app with the model beside it. */
async function outcomeOfBuild(dist: string): Promise<string> {
  const site: Site = await serve({ app: dist })
  for (const file of ['config.json', 'tokenizer.json', 'model.safetensors']) {
    site.instead.set(`/model/${file}`, (request, response) => send(request, response, join(model, file)))
  }
  try {
    return await outcome(`${site.url}/plain/app/index.html`)
  } finally {
    await site.close()
  }
}

it('works in a build of Vite, which copies the worker and the modules by itself', async () => {
  await viteBuild({
    root: app,
    base: './',
    logLevel: 'warn',
    build: { outDir: join(folder, 'vite'), emptyOutDir: true, chunkSizeWarningLimit: 1000 },
  })
  expect(await outcomeOfBuild(join(folder, 'vite'))).toBe(expected)
})

it.each([
  ['works where it is not optimized', ['kerf', '@kerf/browser'], expected],
  [
    'says what to do where it is',
    [],
    expect.stringContaining("say optimizeDeps: { exclude: ['kerf', '@kerf/browser'] }") as string,
  ],
])("in Vite's dev server it %s", async (_, exclude, title) => {
  const server = await createServer({
    root: app,
    logLevel: 'silent',
    cacheDir: join(folder, `vite-${exclude.length}`),
    server: { port: 0, host: '127.0.0.1', fs: { strict: false } },
    optimizeDeps: { exclude },
  })
  await server.listen()
  try {
    expect(await outcome(server.resolvedUrls?.local[0] ?? '')).toEqual(title)
  } finally {
    await server.close()
  }
})

it('works with esbuild, beside whose bundle the files are copied', async () => {
  const dist = join(folder, 'esbuild')
  const { warnings } = await esbuild({
    entryPoints: [join(app, 'main.ts')],
    bundle: true,
    format: 'esm',
    splitting: true,
    outdir: dist,
    logLevel: 'silent',
  })
  expect(warnings).toEqual([])
  const installed = join(app, 'node_modules', '@kerf', 'browser')
  cpSync(join(installed, 'worker.js'), join(dist, 'worker.js'))
  cpSync(join(installed, 'wasm'), join(dist, 'wasm'), { recursive: true })
  const page = readFileSync(join(app, 'index.html'), 'utf8').replace('main.ts', 'main.js')
  writeFileSync(join(dist, 'index.html'), page)
  expect(await outcomeOfBuild(dist)).toBe(expected)
})

it('has types for sources and targets', async () => {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, '-p', app]).catch(
    (error: unknown) => error as { stdout: string },
  )
  expect(stdout).toBe('')
})
