// TypeScript to dist/: ESM and CommonJS of the API, the command line, and types for both module systems.
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleBrowser, hasWasm } from './bundle-browser.mjs'
import { bundlePage } from './bundle-page.mjs'
import { root, run } from './run.mjs'
import { writeSchema } from './schema.mjs'

const dist = join(root, 'dist')

/** Builds everything in dist/ except the addon. */
export async function bundle() {
  const { build } = await import('esbuild')
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  mkdirSync(dist, { recursive: true })
  const common = {
    bundle: true,
    platform: 'node',
    target: 'node20',
    packages: 'external',
    // No source maps: the bundles keep names and comments, and the sources that a map points to are not published.
    absWorkingDir: root,
    logLevel: 'warning',
    define: { KERF_VERSION: JSON.stringify(version) },
    plugins: [apart],
  }
  await build({ ...common, entryPoints: ['ts/index.ts'], format: 'esm', outfile: 'dist/index.js' })
  await build({ ...common, entryPoints: ['ts/index.ts'], outfile: 'dist/index.cjs', ...commonJs(common) })
  await build({ ...common, entryPoints: ['ts/cli/main.ts'], format: 'esm', outfile: 'dist/cli.js' })
  chmodSync(join(dist, 'cli.js'), 0o755)
  await build({ ...common, ...reportBundle })
  for (const part of [hubBundle, chatBundle, serveBundle]) await build({ ...common, ...part })
  await bundleBrowser(common)
  licences()
  if (hasWasm()) await bundlePage(common)
  types()
  await writeSchema(dist)
}

/** The pages of reports with the charting library inside: one file, which both module systems load when a page is wanted. */
const reportBundle = {
  entryPoints: ['ts/report/pages.ts'],
  outfile: 'dist/report.js',
  format: 'esm',
  packages: 'bundle',
  minify: true,
  sourcemap: false,
  legalComments: 'none',
  plugins: [],
}

/**
 * What kerf uses of Hugging Face's library: 60 kB of the 12 MB that an installation of it takes. It logs to the console, and standard
 * output belongs to the result.
 */
const hubBundle = {
  ...reportBundle,
  entryPoints: ['ts/backend/hub/library.ts'],
  outfile: 'dist/hub.js',
  drop: ['console'],
}

/** Hugging Face's Jinja, for chat templates. */
const chatBundle = { ...reportBundle, entryPoints: ['ts/chat-template.ts'], outfile: 'dist/chat.js' }

/** The server of `kerf serve`, with its library. */
const serveBundle = {
  ...reportBundle,
  entryPoints: ['ts/cli/serve/server.ts'],
  outfile: 'dist/serve.js',
}

/** Leaves the pages of reports and the library of the hub out of the other bundles: they import them at run time. */
const apart = {
  name: 'apart',
  setup(build) {
    for (const [filter, path] of [
      [/\/report\/pages\.js$/, './report.js'],
      [/^\.\/library\.js$/, './hub.js'],
      [/\/chat-template\.js$/, './chat.js'],
      [/\/serve\/server\.js$/, './serve.js'],
    ]) {
      build.onResolve({ filter }, () => ({ path, external: true }))
    }
  },
}

/** The licences of what is inside report.js, hub.js, chat.js, serve.js and browser.js ask to go with it. */
function licences() {
  const inside = {
    'hub.licences.txt': [
      '@huggingface/hub/LICENSE',
      '@huggingface/hub/src/vendor/hash-wasm/LICENSE',
      '@huggingface/hub/src/vendor/lz4js/LICENSE',
      '@huggingface/blake3-jit/LICENSE',
      '@huggingface/xetchunk-wasm/LICENSE',
    ],
    'chat.licences.txt': ['@huggingface/jinja/LICENSE'],
    'serve.licences.txt': ['hono/LICENSE', '@hono/node-server/LICENSE'],
    'report.licences.txt': ['echarts/LICENSE', 'echarts/NOTICE', 'zrender/LICENSE'],
    'browser.licences.txt': ['client-zip/LICENSE.txt'],
  }
  for (const [name, files] of Object.entries(inside)) {
    const text = files.map(file => `${file}\n\n${readFileSync(join(root, 'node_modules', file), 'utf8')}`)
    writeFileSync(join(dist, name), text.join(`\n${'-'.repeat(80)}\n\n`))
  }
}

/** CommonJS has no import.meta.url; the file's own name stands in for it. */
function commonJs(common) {
  return {
    format: 'cjs',
    define: { ...common.define, 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  }
}

/** The same declarations twice: TypeScript takes the module system of a .d.ts from the package.json above it. */
function types() {
  for (const folder of ['types', 'types-cjs']) rmSync(join(dist, folder), { recursive: true, force: true })
  const compiler = join('node_modules', 'typescript', 'bin', 'tsc')
  for (const project of ['tsconfig.types.json', 'tsconfig.types-browser.json'])
    run(process.execPath, [compiler, '-p', project])
  // The inside of report.js, which nobody imports: its types would ask for the charting library's.
  for (const part of ['page', 'charts', 'sections', 'learning', 'pages.d.ts']) {
    rmSync(join(dist, 'types', 'report', part), { recursive: true })
  }
  // Nobody outside imports it either, and it names types of the library.
  rmSync(join(dist, 'types', 'backend', 'hub'), { recursive: true })
  cpSync(join(dist, 'types'), join(dist, 'types-cjs'), { recursive: true })
  writeFileSync(join(dist, 'types-cjs', 'package.json'), '{ "type": "commonjs" }\n')
}
