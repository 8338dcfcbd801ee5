// npm run build: the addon (release) and TypeScript; afterwards `npx kerf` works in the repository.
// `--dev` builds the addon with the dev profile (faster to build), `--ts` builds TypeScript alone. What follows `--` goes to
// `napi build`: the release workflow names a target and how to reach it.
import { join } from 'node:path'
import { bundle } from './lib/bundle.mjs'
import { linkCommand } from './lib/link.mjs'
import { main, run, say } from './lib/run.mjs'
import { setUp } from './lib/setup.mjs'

/** Builds dist/. */
export async function build({ profile = 'release', addon = true, flags = [] } = {}) {
  setUp()
  if (addon) buildAddon(profile, flags)
  say('Building TypeScript')
  await bundle()
  linkCommand()
}

function buildAddon(profile, flags) {
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
  run(process.execPath, [
    napi,
    ...args,
    ...manifest,
    ...(profile === 'release' ? ['--release'] : []),
    ...flags,
  ])
}

if (process.argv[1]?.endsWith('build.mjs')) {
  const end = process.argv.indexOf('--')
  const [own, flags] =
    end < 0 ? [process.argv, []] : [process.argv.slice(0, end), process.argv.slice(end + 1)]
  const profile = own.includes('--dev') ? 'dev' : 'release'
  await main(() => build({ profile, addon: !own.includes('--ts'), flags }))
}
