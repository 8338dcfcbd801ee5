import { constants } from 'node:fs'
import { access, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { FileSource, Model } from '../source.js'
import { decodeStart, START_BYTES } from '../text.js'
import type { Files } from './backend.js'
import { absolute, expanded } from './home.js'

/** Files of the file system. */
export const nodeFiles: Files = {
  async whatToWrite(given) {
    const path = absolute(given)
    const folder = dirname(path)
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
    const opened = await open(asPath(file))
    try {
      const { bytesRead, buffer } = await opened.read(Buffer.alloc(START_BYTES + 1), 0, START_BYTES + 1, 0)
      return decodeStart(buffer.subarray(0, bytesRead), asGiven(file))
    } finally {
      await opened.close()
    }
  },
  async write(given, text) {
    const path = absolute(given)
    const beside = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`)
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
    return expanded(given)
  },
  isSame: (a, b) => asPath(a) === asPath(b),
  name: model => basename(asPath(model)),
}

/** The rules of the options let nothing else through. */
function asGiven(file: Model | FileSource): string {
  if (typeof file !== 'string') throw new TypeError('a path was expected')
  return file
}

function asPath(file: Model | FileSource): string {
  return absolute(asGiven(file))
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
