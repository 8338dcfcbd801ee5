import { constants } from 'node:fs'
import { access, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { decodeText, START_BYTES } from '../decode.js'
import type { FileSource, Model } from '../source.js'
import type { Files } from './backend.js'

/** Files of the file system. */
export const nodeFiles: Files = {
  async whatToWrite(path) {
    const folder = dirname(resolve(path))
    if (!(await isFolder(folder))) return 'a file in a folder that exists'
    if (await isFolder(path)) return 'a file, not a folder'
    const writable = await succeeds(access(folder, constants.W_OK))
    return writable ? undefined : 'a file in a folder that can be written'
  },
  async whatToRead(file) {
    const path = asPath(file)
    if (!(await succeeds(stat(path)))) return 'a file that exists'
    if (await isFolder(path)) return 'a file, not a folder'
    return (await succeeds(access(path, constants.R_OK))) ? undefined : 'a file that can be read'
  },
  async read(file) {
    const path = asPath(file)
    const opened = await open(path)
    try {
      const { bytesRead, buffer } = await opened.read(Buffer.alloc(START_BYTES + 1), 0, START_BYTES + 1, 0)
      const isWhole = bytesRead <= START_BYTES
      return decodeText(buffer.subarray(0, Math.min(bytesRead, START_BYTES)), path, isWhole)
    } finally {
      await opened.close()
    }
  },
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
  isSame: (a, b) => resolve(asPath(a)) === resolve(asPath(b)),
  name: model => basename(resolve(asPath(model))),
}

/** The rules of the options let nothing else through. */
function asPath(file: Model | FileSource): string {
  if (typeof file !== 'string') throw new TypeError('a path was expected')
  return file
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
