// What is published: the package `kerf`, one package a platform with nothing but the addon, and one for browsers.
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { NOTICES, notices } from './notices.mjs'
import { output, root, Stop } from './run.mjs'

/** Where packages are put together, and where their tarballs go. */
export const packFolder = join(root, '.work', 'pack')
const stage = join(packFolder, 'stage')
/** WebAssembly, worker and page: nothing that Node needs, and as large as an addon. */
export const BROWSER = '@kerf/browser'

/**
 * Puts every package together in a folder of its own. Returns `[{ name, folder, addon }]`, the main package last, so that who
 * publishes in this order never offers a `kerf` whose parts are not there yet. `addon` is the file that must be in the folder.
 *
 * The manifest of the repository is not the one that is published. If it listed the platform packages as optionalDependencies,
 * `npm ci` in a checkout would ask the registry for versions that exist only after the release that the checkout is for, and the
 * lock file could not name them. So the list is made here, when packing, and `private` (which keeps anybody from publishing the
 * checkout as it is) goes.
 */
export async function stagePackages(addons) {
  rmSync(packFolder, { recursive: true, force: true })
  mkdirSync(stage, { recursive: true })
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const platforms = await stagePlatforms(manifest, addons)
  return [...platforms, ...stageBrowser(manifest), stageMain(manifest, platforms)]
}

/** Folders made by @napi-rs/cli from `napi.targets`; those whose addon is somewhere under `addons` get it. */
async function stagePlatforms(manifest, addons) {
  // The CLI works in a folder of its own: `artifacts` leaves copies of the addons beside the manifest that it reads.
  writeManifest(stage, { ...manifest, ...repository() })
  const { NapiCli, parseTriple } = await import('@napi-rs/cli')
  const cli = new NapiCli()
  await cli.createNpmDirs({ cwd: stage })
  await cli.artifacts({ cwd: stage, outputDir: relative(stage, addons) })
  const names = manifest.napi.targets.map(target => parseTriple(target).platformArchABI)
  const folders = names.map(name => join(stage, 'npm', name))
  const text = notices('addon')
  return folders.map(folder => {
    copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
    writeFileSync(join(folder, NOTICES), text)
    const own = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    writeManifest(folder, { ...own, type: 'commonjs', files: [...own.files, NOTICES] })
    return { name: own.name, folder, addon: join(folder, own.main) }
  })
}

/** The page, and the API beside the worker and the modules that both share. Nothing before `npm run build:wasm`. */
function stageBrowser({ version, license }) {
  const page = join(root, 'dist', 'page')
  if (!existsSync(page)) return []
  const folder = join(stage, 'browser')
  cpSync(page, folder, { recursive: true })
  // licences.txt of the page has those of both bundles.
  for (const file of ['dist/browser.js', 'dist/report.js', 'LICENSE']) {
    copyFileSync(join(root, file), join(folder, basename(file)))
  }
  writeFileSync(join(folder, NOTICES), notices('module'))
  writeManifest(folder, {
    name: BROWSER,
    version,
    description: 'The part of kerf for browsers: import kerf, and a bundler takes this.',
    license,
    type: 'module',
    exports: {
      '.': './browser.js',
      './worker.js': './worker.js',
      './wasm/*.wasm': './wasm/*.wasm',
      './package.json': './package.json',
    },
    publishConfig: { access: 'public' },
    ...repository(),
  })
  return [{ name: BROWSER, folder }]
}

/** The files that package.json's `files` names, with the manifest that users get. */
function stageMain(manifest, platforms) {
  const folder = join(stage, 'kerf')
  for (const file of packedFiles()) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    copyFileSync(join(root, file), join(folder, file))
  }
  const {
    private: _private,
    scripts: _scripts,
    devDependencies: _development,
    napi: _napi,
    ...published
  } = manifest
  const optionalDependencies = Object.fromEntries(platforms.map(({ name }) => [name, manifest.version]))
  // Who compresses in Node shall not have to fetch it.
  const peerDependencies = { [BROWSER]: manifest.version }
  const peerDependenciesMeta = { [BROWSER]: { optional: true } }
  writeFileSync(join(folder, 'dist', 'browser.js'), `export * from '${BROWSER}'\n`)
  const peers = { peerDependencies, peerDependenciesMeta }
  writeManifest(folder, { ...published, ...repository(), optionalDependencies, ...peers })
  return { name: manifest.name, folder }
}

function packedFiles() {
  const list = output('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'])
  if (list === undefined) throw new Stop('npm pack --dry-run failed')
  return JSON.parse(list)[0].files.map(({ path }) => path)
}

/** Provenance asks for the repository that a package is built from; only the workflow that builds it knows. */
function repository() {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name } = process.env
  return server && name ? { repository: { type: 'git', url: `git+${server}/${name}.git` } } : {}
}

function writeManifest(folder, manifest) {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}
