// dist/page, the page for browsers as files that any host can serve: HTML, style, scripts, worker, modules, service worker.
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { BUILDS, forPages } from './bundle-browser.mjs'
import { root } from './run.mjs'

const page = join(root, 'dist', 'page')
const from = join(root, 'ts', 'page')

/** Builds dist/page from dist/worker.js, dist/wasm and ts/page. `common` is what all bundles share. */
export async function bundlePage(common) {
  const { build } = await import('esbuild')
  const forPage = {
    ...common,
    ...forPages,
    minify: true,
    legalComments: 'none',
    plugins: [],
  }
  rmSync(page, { recursive: true, force: true })
  mkdirSync(page, { recursive: true })
  cpSync(join(from, 'static'), page, { recursive: true })
  cpSync(join(root, 'dist', 'worker.js'), join(page, 'worker.js'))
  for (const name of BUILDS) {
    const module = join('wasm', name, 'kerf_wasm_bg.wasm')
    cpSync(join(root, 'dist', module), join(page, module))
  }
  cpSync(join(root, 'test', 'fixtures', 'stories260K'), join(page, 'sample', 'stories260K'), {
    recursive: true,
  })
  // What is imported at run time, such as the charts, becomes files of its own.
  await build({ ...forPage, entryPoints: [join(from, 'main.ts')], outdir: page, splitting: true })
  await writeStyle(build, forPage)
  licences()
  // Last, since it lists all others.
  await build({
    ...forPage,
    entryPoints: [join(from, 'service-worker.ts')],
    outdir: page,
    define: { ...common.define, ...contents() },
  })
}

/** The report's style sheet, and what the page has beyond it. */
async function writeStyle(build, forPage) {
  const entry = join(root, 'ts', 'report', 'page', 'style.ts')
  const { outputFiles } = await build({ ...forPage, entryPoints: [entry], write: false })
  const address = `data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`
  const { STYLE } = await import(address)
  const own = readFileSync(join(from, 'static', 'page.css'), 'utf8')
  await build({
    ...forPage,
    stdin: { contents: STYLE + own, loader: 'css', sourcefile: 'page.css' },
    outfile: join(page, 'page.css'),
    allowOverwrite: true,
  })
}

function licences() {
  const texts = ['browser.licences.txt', 'report.licences.txt'].map(name =>
    readFileSync(join(root, 'dist', name), 'utf8'),
  )
  writeFileSync(join(page, 'licences.txt'), texts.join(`\n${'-'.repeat(80)}\n\n`))
}

/** Files that the service worker keeps, and a digest that changes with any of them. */
function contents() {
  const files = readdirSync(page, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
  const digest = createHash('sha256')
  for (const file of files) digest.update(file).update(readFileSync(file))
  const names = files.map(file => relative(page, file).split(sep).join('/'))
  return {
    // The sample is fetched when somebody asks for it.
    PAGE_FILES: JSON.stringify(names.filter(name => name !== 'licences.txt' && !name.startsWith('sample/'))),
    PAGE_DIGEST: JSON.stringify(digest.digest('hex').slice(0, 16)),
  }
}
