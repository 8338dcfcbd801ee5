// Runs the command line of this repository as a user would, one process a run.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { measure } from './measure.mjs'
import { fail, root } from './paths.mjs'

const cli = join(root, 'dist', 'cli.js')

/** Builds once if nothing is built. */
export function ensureBuilt() {
  if (existsSync(cli)) return
  process.stderr.write('bench: nothing is built yet, running npm run build\n')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const { status } = spawnSync(npm, ['run', 'build'], { cwd: root, stdio: ['ignore', 2, 2] })
  if (status !== 0 || !existsSync(cli)) fail('npm run build failed')
}

/**
 * `kerf ARGS --json`; ends the bench if it fails.
 * @returns {Promise<{ report: any, seconds: number, peakRssBytes: number }>} the report, wall time of the process, peak memory
 */
export async function kerf(args) {
  const run = await tryKerf(args)
  if (run.code !== 0) fail(`kerf ${args.join(' ')} failed: ${run.stdout.trim()}`)
  return run
}

/** The same, without ending the bench: look at `code`. `report` is the error object then. */
export async function tryKerf(args) {
  ensureBuilt()
  const run = await measure(process.execPath, [cli, ...args, '--json'], { cwd: root })
  let report = null
  try {
    report = JSON.parse(run.stdout)
  } catch {
    if (run.code === 0) fail(`kerf ${args[0]} printed no JSON`)
  }
  return { ...run, report }
}
