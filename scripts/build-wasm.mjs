// npm run build:wasm: the WebAssembly module for pages, twice. dist/wasm/single loads anywhere, dist/wasm/threads needs shared memory
// (a page that is cross-origin isolated). Then dist/worker.js and dist/page, which need them. `--only single` or `--only threads` builds one.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { hasWasm } from './lib/bundle-browser.mjs'
import { bundle } from './lib/bundle.mjs'
import { main, output, root, running, say, Stop } from './lib/run.mjs'
import { setUp } from './lib/setup.mjs'
import { TARGET, wasmCompiler } from './lib/wasm-compiler.mjs'
import { wasmTools } from './lib/wasm-tools.mjs'

/** Most bytes of a module as a server sends it: a page's first load has to stay near 3 MB with the tokenizer. */
const MOST_BYTES = 1_500_000
const PROFILE = 'wasm'
const NAME = 'kerf_wasm'
const GLUE = `${NAME}.js`
const MODULE = `${NAME}_bg.wasm`
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
  const started = performance.now()
  setUp()
  say('Two modules from the whole of the Rust code: about 10 minutes of processor time the first time')
  const tools = wasmTools()
  // Both at once: each is linked as one program, which takes one core for about a minute.
  const builds = ['single', 'threads'].filter(build => only === undefined || only === build)
  const ended = await Promise.allSettled(builds.map(build => buildOne(build, tools)))
  for (const { status, reason } of ended) if (status === 'rejected') throw reason
  // The worker and the page have the modules inside.
  if (hasWasm()) await bundle()
  console.log(`build:wasm took ${((performance.now() - started) / 60_000).toFixed(1)} minutes`)
}

async function buildOne(build, tools) {
  const compiler = wasmCompiler(build)
  say(`Building the module for pages, ${build} (${compiler.name})`)
  const folder = join(root, 'dist', 'wasm', build)
  mkdirSync(folder, { recursive: true })
  // Cargo lets one build at a time into a folder. (They share nothing: flags and standard library differ.)
  const target = build === 'threads' ? join(targetFolder(), 'wasm-threads') : targetFolder()
  const env = { ...process.env, ...compiler.env, CARGO_TARGET_DIR: target }
  const features = build === 'threads' ? ['--features', 'threads'] : []
  const crate = ['--lib', '--package', 'kerf-wasm', '--profile', PROFILE, '--target', TARGET]
  const cargo = compiler.env.CARGO ?? 'cargo'
  await running(cargo, ['build', ...crate, '--locked', ...features, ...compiler.flags], { env })
  const built = join(target, TARGET, PROFILE, 'kerf_wasm.wasm')
  await running(tools.wasmBindgen, [built, '--target', 'web', '--out-dir', folder, '--out-name', NAME])
  await optimise(join(folder, MODULE), tools, build === 'threads' ? [...FEATURES, 'threads'] : FEATURES)
  report(build, folder)
}

/** Where cargo puts what it builds. */
function targetFolder() {
  const text = output('cargo', ['metadata', '--no-deps', '--format-version', '1'])
  if (text === undefined) throw new Stop('cargo metadata failed')
  return JSON.parse(text).target_directory
}

/**
 * Smaller, and no slower: what is left of names goes, and code that the compiler could not see to be the same becomes one. `-O2` takes twice as
 * long, and what a server sends of its result is larger.
 */
async function optimise(file, tools, features) {
  const optimised = `${file}.opt`
  await running(tools.wasmOpt[0], [
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
