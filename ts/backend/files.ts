import { constants } from 'node:fs'
import { access, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'

/** Files that TypeScript itself reads and writes: a report, texts for samples. Models and results are the core's. */
export interface Files {
  /** What a path must be to be written as a file, if it is not; `undefined` if it can be written. */
  whatToWrite: (path: string) => Promise<string | undefined>
  /** What a path must be to be read as a file, if it is not. */
  whatToRead: (path: string) => Promise<string | undefined>
  /** Text of a UTF-8 file. */
  read: (path: string) => Promise<string>
  /** Writes a file under a hidden name beside it and renames it, so that it is there whole or not at all. */
  write: (path: string, text: string) => Promise<void>
  /** Whether two paths are the same. */
  isSame: (a: string, b: string) => boolean
  /** Last part of a path. */
  name: (path: string) => string
}

/** Files of the file system. */
export const nodeFiles: Files = {
  async whatToWrite(path) {
    const folder = dirname(resolve(path))
    if (!(await isFolder(folder))) return 'a file in a folder that exists'
    if (await isFolder(path)) return 'a file, not a folder'
    const writable = await succeeds(access(folder, constants.W_OK))
    return writable ? undefined : 'a file in a folder that can be written'
  },
  async whatToRead(path) {
    if (!(await succeeds(stat(path)))) return 'a file that exists'
    if (await isFolder(path)) return 'a file, not a folder'
    return (await succeeds(access(path, constants.R_OK))) ? undefined : 'a file that can be read'
  },
  read: path => readFile(path, 'utf8'),
  async write(path, text) {
    const beside = join(dirname(resolve(path)), `.${basename(path)}.${process.pid}.tmp`)
    try {
      const file = await open(beside, 'w')
      try {
        await file.writeFile(text)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(beside, path)
    } catch (error) {
      await rm(beside, { force: true })
      throw error
    }
  },
  isSame: (a, b) => resolve(a) === resolve(b),
  name: path => basename(resolve(path)),
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
}

async function succeeds(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    () => false,
  )
}
