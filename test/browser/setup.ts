// Before all tests: the worker around a fake core, and pieces of the worker by themselves.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type BuildOptions } from 'esbuild'
import { bundleWorker } from '../../scripts/lib/bundle-browser.mjs'

const root = join(import.meta.dirname, '..', '..')
const fake = join(root, '.work', 'browser', 'fake')
const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)

export async function setup(): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const common = {
    bundle: true,
    absWorkingDir: root,
    logLevel: 'warning',
    define: { KERF_VERSION: JSON.stringify(version) },
  } as const
  for (const name of ['single', 'threads']) {
    mkdirSync(join(fake, 'wasm', name), { recursive: true })
    writeFileSync(join(fake, 'wasm', name, 'kerf_wasm_bg.wasm'), EMPTY_MODULE)
  }
  const fakeCore = join(root, 'test', 'browser', 'support', 'fake-core.ts')
  await bundleWorker(common, () => fakeCore, join(fake, 'worker.js'))
  const pool: BuildOptions = {
    ...common,
    format: 'esm',
    entryPoints: ['test/browser/support/pool-worker.ts'],
  }
  await build({ ...pool, outfile: join(fake, 'pool-worker.js') })
}
