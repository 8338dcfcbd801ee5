// npm run build: the addon (release) and TypeScript; afterwards `npx kerf` works in the repository.
// `--dev` builds the addon with the dev profile (faster to build), `--ts` builds TypeScript alone.
import { join } from 'node:path'
import { bundle } from './lib/bundle.mjs'
import { linkCommand } from './lib/link.mjs'
import { main, run, say } from './lib/run.mjs'
import { setUp } from './lib/setup.mjs'

/** Builds dist/. */
export async function build({ profile = 'release', addon = true } = {}) {
  setUp()
  if (addon) buildAddon(profile)
  say('Building TypeScript')
  await bundle()
  linkCommand()
}

function buildAddon(profile) {
  say(`Building the addon (cargo, ${profile} profile; the first time takes minutes)`)
  const napi = join('node_modules', '@napi-rs', 'cli', 'dist', 'cli.js')
  const args = [
    'build',
    '--platform',
    '--no-js',
    '--package',
    'kerf-node',
    '--output-dir',
    'dist',
    '--dts',
    'addon.d.ts',
  ]
  const manifest = ['--manifest-path', join('bindings', 'node', 'Cargo.toml')]
  run(process.execPath, [napi, ...args, ...manifest, ...(profile === 'release' ? ['--release'] : [])])
}

if (process.argv[1]?.endsWith('build.mjs')) {
  const has = flag => process.argv.includes(flag)
  await main(() => build({ profile: has('--dev') ? 'dev' : 'release', addon: !has('--ts') }))
}
