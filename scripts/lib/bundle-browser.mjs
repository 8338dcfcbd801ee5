// dist/browser.js, what `import 'kerf'` is in a page, and dist/worker.js, the worker with the glue of both WebAssembly builds inside.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run.mjs'

/** The two WebAssembly builds. */
export const BUILDS = ['single', 'threads']

/** What all bundles for browsers share. */
export const forPages = { platform: 'browser', target: 'es2022', format: 'esm', packages: 'bundle' }

/** Where wasm-bindgen's glue of a build is. */
const glue = name => join(root, 'dist', 'wasm', name, 'kerf_wasm.js')

/** Whether both WebAssembly builds are there. */
export function hasWasm() {
  return BUILDS.every(name => existsSync(glue(name)))
}

/** Builds the part for pages; `common` is what all bundles share. The worker needs the WebAssembly builds and is left out without. */
export async function bundleBrowser(common) {
  const { build } = await import('esbuild')
  await build({ ...common, ...forPages, entryPoints: ['ts/browser.ts'], outfile: 'dist/browser.js' })
  if (hasWasm()) await bundleWorker(common, glue, 'dist/worker.js')
}

/** The worker around the two modules that `coreOf` names. Bundlers copy it as it is: it is small and whole by itself. */
export async function bundleWorker(common, coreOf, outfile) {
  const { build } = await import('esbuild')
  await build({
    ...common,
    ...forPages,
    minify: true,
    legalComments: 'none',
    plugins: [core(coreOf)],
    entryPoints: ['ts/backend/browser/worker/main.ts'],
    outfile,
  })
}

/** The modules `kerf-core/...`, and in the place of wasm-bindgen-rayon's starter of threads the project's own. */
const core = coreOf => ({
  name: 'core',
  setup(build) {
    build.onResolve({ filter: /^kerf-core\// }, ({ path }) => ({
      path: coreOf(path.slice('kerf-core/'.length)),
    }))
    build.onResolve({ filter: /workerHelpers/ }, () => ({
      path: join(root, 'ts', 'backend', 'browser', 'worker', 'threads.ts'),
    }))
    build.onLoad({ filter: /kerf_wasm\.js$/ }, ({ path }) => ({
      contents: withoutAddress(path),
      loader: 'js',
    }))
  },
})

/** The worker is always told where its module is; an address in the code would only make bundlers look for the file. */
function withoutAddress(path) {
  return readFileSync(path, 'utf8').replaceAll(
    /new URL\((['"])\w+_bg\.wasm\1, import\.meta\.url\)/g,
    'undefined',
  )
}
