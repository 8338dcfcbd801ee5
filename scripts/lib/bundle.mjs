// TypeScript to dist/: ESM and CommonJS of the API, the command line, and types for both module systems.
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './run.mjs'

const dist = join(root, 'dist')

/** Builds everything in dist/ except the addon. */
export async function bundle() {
  const { build } = await import('esbuild')
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  mkdirSync(dist, { recursive: true })
  const common = {
    bundle: true,
    platform: 'node',
    target: 'node20',
    packages: 'external',
    // No source maps: the bundles keep names and comments, and the sources that a map points to are not published.
    absWorkingDir: root,
    logLevel: 'warning',
    define: { KERF_VERSION: JSON.stringify(version) },
  }
  await build({ ...common, entryPoints: ['ts/index.ts'], format: 'esm', outfile: 'dist/index.js' })
  await build({ ...common, entryPoints: ['ts/index.ts'], outfile: 'dist/index.cjs', ...commonJs(common) })
  await build({ ...common, entryPoints: ['ts/cli/main.ts'], format: 'esm', outfile: 'dist/cli.js' })
  chmodSync(join(dist, 'cli.js'), 0o755)
  types()
}

/** CommonJS has no import.meta.url; the file's own name stands in for it. */
function commonJs(common) {
  return {
    format: 'cjs',
    define: { ...common.define, 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  }
}

/** The same declarations twice: TypeScript takes the module system of a .d.ts from the package.json above it. */
function types() {
  for (const folder of ['types', 'types-cjs']) rmSync(join(dist, folder), { recursive: true, force: true })
  run(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.types.json'])
  cpSync(join(dist, 'types'), join(dist, 'types-cjs'), { recursive: true })
  writeFileSync(join(dist, 'types-cjs', 'package.json'), '{ "type": "commonjs" }\n')
}
