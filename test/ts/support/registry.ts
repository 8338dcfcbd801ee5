// A registry on this machine with what is packed here and the dependencies of the checkout, so that `npm install kerf` can be
// tested as users type it, without the network.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from './models.js'

const run = promisify(execFile)

interface Manifest {
  name: string
  version: string
  dependencies?: Record<string, string>
}

/** A running registry. */
export interface Registry {
  url: string
  /** Names of the packages whose files were fetched. */
  fetched: string[]
  close: () => Promise<void>
}

/** Serves the packages in these folders; each is packed when somebody asks for its file. */
export async function openRegistry(folders: readonly string[], work: string): Promise<Registry> {
  mkdirSync(work, { recursive: true })
  const packages = new Map(folders.map(folder => [manifestOf(folder).name, folder]))
  const fetched: string[] = []
  const server = createServer((request, response) => {
    const name = decodeURIComponent((request.url ?? '').slice(1))
    answer(name)
      .then(({ status, body }) => response.writeHead(status).end(body))
      .catch((error: unknown) => response.writeHead(500).end(String(error)))
  })
  async function answer(path: string): Promise<{ status: number; body: string | Buffer }> {
    const name = path.replace(/\.tgz$/, '')
    const folder = packages.get(name)
    if (folder === undefined) return { status: 404, body: '{}' }
    if (name === path) return { status: 200, body: JSON.stringify(packument(folder, url)) }
    fetched.push(name)
    return { status: 200, body: readFileSync(await packFolder(folder, work)) }
  }
  const url = await listen(server)
  return { url, fetched, close: () => new Promise(done => server.close(() => done())) }
}

/** What a registry says about a package that has one version. */
function packument(folder: string, url: string): object {
  const manifest = manifestOf(folder)
  const dist = { tarball: `${url}${manifest.name}.tgz` }
  return {
    name: manifest.name,
    'dist-tags': { latest: manifest.version },
    versions: { [manifest.version]: { ...manifest, dist } },
  }
}

/** Folders of a package's dependencies in the checkout, and of theirs. */
export function dependencyFolders(folder: string): string[] {
  const seen = new Map<string, string>()
  const visit = (from: string): void => {
    for (const name of Object.keys(manifestOf(from).dependencies ?? {})) {
      if (seen.has(name)) continue
      const found = join(root, 'node_modules', name)
      seen.set(name, found)
      visit(found)
    }
  }
  visit(folder)
  return [...seen.values()]
}

/** npm in a folder, with a registry and without the settings and the cache of who runs the tests. */
export async function npm(folder: string, url: string, ...args: string[]): Promise<string> {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|.*_proxy$)/i.test(name))
  const settings = [
    `--registry=${url}`,
    `--cache=${join(folder, '.npm-cache')}`,
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
  ]
  const options = {
    cwd: folder,
    env: { ...Object.fromEntries(own), NO_COLOR: '1' },
    shell: process.platform === 'win32',
  }
  const { stdout } = await run(
    'npm',
    [...args, ...settings, `--userconfig=${join(folder, '.npmrc')}`],
    options,
  )
  return stdout
}

/** Bytes of all files under a folder. */
export function installedBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .reduce((sum, entry) => sum + readFileSync(join(entry.parentPath, entry.name)).length, 0)
}

async function packFolder(folder: string, work: string): Promise<string> {
  const key = createHash('sha256').update(folder).digest('hex').slice(0, 12)
  const destination = join(work, key)
  if (!existsSync(destination)) mkdirSync(destination)
  const shell = process.platform === 'win32'
  await run('npm', ['pack', folder, '--ignore-scripts', '--pack-destination', destination], { shell })
  const [file] = readdirSync(destination)
  if (file === undefined) throw new Error(`npm pack ${folder} wrote nothing`)
  return join(destination, file)
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    )
  })
}
