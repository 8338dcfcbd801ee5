// npm run test:browser: the package in headless Chromium. Installs Debian's Chromium if there is none (KERF_CHROMIUM names another).
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { hasWasm } from './lib/bundle-browser.mjs'
import { ensureChromium } from './lib/chromium.mjs'
import { main, root, run, say, Stop } from './lib/run.mjs'
import { ensureNode, ensurePackages } from './lib/setup.mjs'

await main(() => {
  ensureNode()
  ensurePackages()
  if (!hasWasm() || !existsSync(join(root, 'dist', 'worker.js'))) {
    throw new Stop('dist has no WebAssembly builds; run "npm run build:wasm" first.')
  }
  ensureChromium()
  say('Tests in Chromium')
  const vitest = join('node_modules', 'vitest', 'vitest.mjs')
  run(process.execPath, [
    vitest,
    'run',
    '--config',
    join('test', 'browser', 'vitest.config.ts'),
    ...process.argv.slice(2),
  ])
})
