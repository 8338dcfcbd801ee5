// npm run pack:local: tarballs of the main package, of this platform's and (after `npm run build:wasm`) of the one for browsers, as users
// install them, in .work/pack. `--all` makes those of every platform and fails if an addon or the page is missing (the release workflow does this); `--addons DIR` says
// where the addons are (default dist/). Nothing is built here: `npm run build` comes first.
import { existsSync } from 'node:fs'
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
  return present.map(({ name, folder }) => tarball(name, folder))
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
  const megabytes = bytes => `${(bytes / 1e6).toFixed(2)} MB`
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
