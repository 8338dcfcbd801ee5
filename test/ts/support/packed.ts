// What `npm run pack:local` writes, packed once in a run of the tests, whichever file asks first.
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as later } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, inject } from 'vitest'
import { temporaryFolder } from './folders.js'
import { root } from './models.js'
import { dependencyFolders, npm, openRegistry } from './registry.js'

const run = promisify(execFile)
const packFolder = join(root, '.work', 'pack')

/** Folders of the packages as they are put together for packing. */
export const stage = join(packFolder, 'stage')

/** The tarballs of kerf and of what belongs to it on this machine. Others that ask meanwhile wait for the first. */
export async function tarballs(): Promise<string[]> {
  const folder = inject('runFolder')
  const [begun, ended] = [join(folder, 'packing'), join(folder, 'packed.json')]
  if (isFirst(begun)) {
    const failure = await run(process.execPath, [join(root, 'scripts', 'pack.mjs')], { cwd: root }).then(
      () => undefined,
      (error: Error) => error.message,
    )
    const files = failure === undefined ? readdirSync(packFolder).filter(name => name.endsWith('.tgz')) : []
    writeFileSync(`${ended}.part`, JSON.stringify({ failure, files }))
    renameSync(`${ended}.part`, ended)
  }
  while (!existsSync(ended)) await later(100)
  const { failure, files } = JSON.parse(readFileSync(ended, 'utf8')) as { failure?: string; files: string[] }
  if (failure !== undefined) throw new Error(`packing failed: ${failure}`)
  return files.map(file => join(packFolder, file))
}

function isFirst(folder: string): boolean {
  try {
    mkdirSync(folder)
    return true
  } catch {
    return false
  }
}

/** A copy of an example with kerf installed from its tarballs, as the README of the example says. Returns its folder. */
export async function installedExample(name: string): Promise<string> {
  const folder = temporaryFolder()
  const example = join(folder, name)
  cpSync(join(root, 'examples', name), example, { recursive: true })
  withoutTools(join(example, 'package.json'))
  const files = (await tarballs()).filter(file => !file.includes('browser'))
  const registry = await openRegistry(dependencyFolders(join(stage, 'kerf')), join(folder, 'packed'))
  afterAll(() => registry.close())
  await npm(example, registry.url, 'install', '--omit=dev', ...files)
  return example
}

/** Electron itself is not on the registry of the tests, and npm asks for it even where it is left out. */
function withoutTools(file: string): void {
  const { devDependencies: _, ...manifest } = JSON.parse(readFileSync(file, 'utf8')) as Record<
    string,
    unknown
  >
  writeFileSync(file, JSON.stringify(manifest))
}
