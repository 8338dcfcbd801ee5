// npm run bench:browser: the engine in Chromium against the addon on one thread, and two threads of it against one.
// Runs test/browser/speed.test.ts, which is skipped otherwise.
import { join } from 'node:path'
import { main, root, run } from '../../scripts/lib/run.mjs'

process.env.KERF_SPEED = '1'
await main(() => run(process.execPath, [join(root, 'scripts', 'test-browser.mjs'), 'speed']))
