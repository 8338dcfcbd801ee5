// npm run build:wasm: the WebAssembly module for pages, twice. dist/wasm/single loads anywhere, dist/wasm/threads needs shared memory
// (a page that is cross-origin isolated). Then dist/worker.js and dist/page, which need them. `--only single` or `--only threads` builds one.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { hasWasm } from './lib/bundle-browser.mjs'
import { bundle } from './lib/bundle.mjs'
import { main, root, run, say, Stop } from './lib/run.mjs'
import { setUp } from './lib/setup.mjs'
import { wasmCompiler } from './lib/wasm-compiler.mjs'
import { wasmTools } from './lib/wasm-tools.mjs'

/** Most bytes of a module as a server sends it: a page's first load has to stay near 3 MB with the tokenizer. */
const MOST_BYTES = 1_500_000
const GLUE = 'kerf_wasm.js'
const MODULE = 'kerf_wasm_bg.wasm'
/** What the compiler uses, and every browser of the last years has. (With all that wasm-opt knows, none loads the result.) */
const FEATURES = [
  'simd',
  'bulk-memory',
  'bulk-memory-opt',
  'mutable-globals',
  'sign-ext',
  'nontrapping-float-to-int',
  'reference-types',
  'multivalue',
]

/** Builds what `only` names, or both. */
export async function buildWasm(only) {
  setUp()
  const tools = wasmTools()
  for (const build of ['single', 'threads']) {
    if (only === undefined || only === build) buildOne(build, tools)
  }
  // The worker and the page have the modules inside.
  if (hasWasm()) await bundle()
}

function buildOne(build, tools) {
  const compiler = wasmCompiler(build)
  say(`Building the module for pages, ${build} (${compiler.name}; the first time takes minutes)`)
  const folder = join(root, 'dist', 'wasm', build)
  mkdirSync(folder, { recursive: true })
  const options = ['--mode', 'no-install', '--no-pack', '--target', 'web', '--profile', 'wasm']
  const features = build === 'threads' ? ['--features', 'threads'] : []
  const flags = ['--locked', ...features, ...compiler.flags]
  run(tools.wasmPack, ['build', join('bindings', 'wasm'), ...options, '--out-dir', folder, '--', ...flags], {
    env: { ...tools.env, ...compiler.env },
  })
  rmSync(join(folder, '.gitignore'), { force: true })
  optimise(join(folder, MODULE), tools, build === 'threads' ? [...FEATURES, 'threads'] : FEATURES)
  report(build, folder)
}

/** Smaller, and no slower: what is left of names goes, and code that the compiler could not see to be the same becomes one. */
function optimise(file, tools, features) {
  const optimised = `${file}.opt`
  run(tools.wasmOpt[0], [
    ...tools.wasmOpt.slice(1),
    file,
    '-O1',
    ...features.map(name => `--enable-${name}`),
    '--strip-debug',
    '--strip-producers',
    '-o',
    optimised,
  ])
  writeFileSync(file, readFileSync(optimised))
  rmSync(optimised)
}

function report(build, folder) {
  const module = readFileSync(join(folder, MODULE))
  if (!existsSync(join(folder, GLUE))) throw new Stop(`${folder} has no ${GLUE}`)
  const brotli = brotliCompressSync(module).length
  const sizes = [module.length, gzipSync(module, { level: 9 }).length, brotli]
  const [plain, gzip, small] = sizes.map(bytes => `${(bytes / 1e6).toFixed(2)} MB`)
  console.log(`dist/wasm/${build}: ${plain}, ${gzip} with gzip, ${small} with brotli`)
  if (brotli > MOST_BYTES) throw new Stop(`The module has more than ${MOST_BYTES} bytes with brotli.`)
}

if (process.argv[1]?.endsWith('build-wasm.mjs')) {
  const at = process.argv.indexOf('--only')
  await main(() => buildWasm(at < 0 ? undefined : process.argv[at + 1]))
}
