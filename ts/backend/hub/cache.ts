import { readdir, readFile, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { wanted, type ReadJson } from './wanted.js'

/** What the cache has of a model. */
export interface Cached {
  /** Folder of the files of the commit that `main` is. */
  folder: string
  /** What is not there of what kerf needs: `weights`, or names of files. */
  lacks: string[]
}

/** Looks into the folder of a repository in the cache (`models--OWNER--NAME`), laid out as Hugging Face's own tools do. */
export async function lookInCache(repository: string): Promise<Cached | undefined> {
  const commit = await readFile(join(repository, 'refs', 'main'), 'utf8').catch(() => undefined)
  if (commit === undefined) return undefined
  const folder = join(repository, 'snapshots', commit.trim())
  const list = await filesOf(folder)
  if (list.length === 0) return undefined
  const read: ReadJson = async file => JSON.parse(await readFile(join(folder, file), 'utf8')) as unknown
  // A damaged file is for the core to name.
  const { missing, hasWeights } = await wanted(list, file => read(file).catch(() => undefined))
  return { folder, lacks: hasWeights ? missing : ['weights', ...missing] }
}

/** Names of the files under a folder, with `/`. A link to a file that is gone is none. */
async function filesOf(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  const isFile = (name: string): Promise<boolean> =>
    stat(join(folder, name)).then(
      found => found.isFile(),
      () => false,
    )
  const are = await Promise.all(names.map(isFile))
  return names.filter((_, index) => are[index]).map(name => name.split(sep).join('/'))
}
