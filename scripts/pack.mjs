// npm run pack:local: tarballs of the main package, of this platform's and (after `npm run build:wasm`) of the one for browsers, as users
// install them, in .work/pack. `--all` makes those of every platform and fails if an addon or the page is missing (the release workflow does this); `--addons DIR` says
// where the addons are (default dist/). Nothing is built here: `npm run build` comes first.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { BROWSER, packFolder, stagePackages } from './lib/packages.mjs'
import { main, output, root, say, Stop } from './lib/run.mjs'

/** Packs what is built. Returns the paths of the tarballs, the main package last. */
export async function pack({ addons = join(root, 'dist'), all = false } = {}) {
  for (const file of ['index.js', 'index.cjs', 'cli.js', 'types']) {
    if (!existsSync(join(root, 'dist', file)))
      throw new Stop(`dist/${file} is missing: run "npm run build" first`)
  }
  const packages = await stagePackages(addons)
  const lacking = packages.filter(({ addon }) => addon && !existsSync(addon))
  if (all && lacking.length > 0) {
    throw new Stop(`no addon under ${addons} for ${lacking.map(({ name }) => name).join(', ')}`)
  }
  if (all && !packages.some(({ name }) => name === BROWSER))
    throw new Stop('dist/page is missing: run "npm run build:wasm" first')
  const present = packages.filter(part => !lacking.includes(part))
  if (!present.some(({ addon }) => addon))
    throw new Stop(`no addon under ${addons}: run "npm run build" first`)
  const tarballs = present.map(({ name, folder }) => tarball(name, folder))
  console.log(
    `npm install kerf: ${megabytes(installedBytes(present))} installed, everything that it needs in Node counted`,
  )
  return tarballs
}

const megabytes = bytes => `${(bytes / 1e6).toFixed(1)} MB`

/** Bytes of the main package, one addon and their dependencies. */
function installedBytes(packages) {
  const main = packages.at(-1).folder
  const addon = packages.find(part => part.addon).folder
  return [main, addon, ...dependencies(main)].reduce((sum, folder) => sum + bytesIn(folder), 0)
}

/** Folders of a package's dependencies in this checkout, and of theirs. */
function dependencies(folder, seen = new Set()) {
  const { dependencies: own = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  for (const name of Object.keys(own)) {
    const found = join(root, 'node_modules', name)
    if (seen.has(found)) continue
    seen.add(found)
    dependencies(found, seen)
  }
  return seen
}

function bytesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}

function tarball(name, folder) {
  const packed = output('npm', [
    'pack',
    folder,
    '--pack-destination',
    packFolder,
    '--json',
    '--ignore-scripts',
  ])
  if (packed === undefined) throw new Stop(`npm pack failed for ${name}`)
  const [{ filename, size, unpackedSize }] = JSON.parse(packed)
  const path = join(packFolder, filename)
  if (!existsSync(path)) throw new Stop(`npm pack made no ${filename}`)
  console.log(`${relative(root, path)}  ${megabytes(size)}, installed ${megabytes(unpackedSize)}`)
  return path
}

if (process.argv[1]?.endsWith('pack.mjs')) {
  await main(async () => {
    const at = process.argv.indexOf('--addons')
    const addons = at > 0 ? { addons: resolve(process.argv[at + 1] ?? '.') } : {}
    say('Packing')
    await pack({ ...addons, all: process.argv.includes('--all') })
  })
}
