// Before all tests: the worker around a fake core, and pieces of the worker by themselves.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type BuildOptions } from 'esbuild'
import { bundleWorker } from '../../scripts/lib/bundle-browser.mjs'

const root = join(import.meta.dirname, '..', '..')
const fake = join(root, '.work', 'browser', 'fake')
const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)

/** A model as a server has it, of which only the sizes matter: weights in two files of several MB, and small files. */
function writeSite(folder: string): void {
  mkdirSync(join(folder, '1_Pooling'), { recursive: true })
  const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
  for (const [index, name] of shards.entries()) {
    const bytes = Uint8Array.from(
      { length: (3 + index) << 20 },
      (_, at) => (at * 31 + (at >> 9) + index) & 255,
    )
    writeFileSync(join(folder, name), bytes)
  }
  const index = { weight_map: { a: shards[0], b: shards[1], c: shards[1] } }
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify(index))
  writeFileSync(join(folder, 'config.json'), '{"model_type":"none"}')
  writeFileSync(join(folder, 'modules.json'), '[{"path":""},{"path":"1_Pooling"}]')
  writeFileSync(join(folder, '1_Pooling', 'config.json'), '{}')
}

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
  writeSite(join(root, '.work', 'browser', 'site'))
  const fakeCore = join(root, 'test', 'browser', 'support', 'fake-core.ts')
  await bundleWorker(common, () => fakeCore, join(fake, 'worker.js'))
  const pool: BuildOptions = {
    ...common,
    format: 'esm',
    entryPoints: ['test/browser/support/pool-worker.ts'],
  }
  await build({ ...pool, outfile: join(fake, 'pool-worker.js') })
}
