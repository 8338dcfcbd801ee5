// Files that TypeScript reads and writes in a page: those that kerf keeps, and sources.
import { KerfError } from '../../errors.js'
import type { FileSource } from '../../source.js'
import { decodeStart, START_BYTES } from '../../text.js'
import type { Files } from '../backend.js'
import { clean, type KeptFile } from './protocol.js'
import type { Link } from './link.js'
import { nameOf } from './sources.js'

/** The files behind a worker. */
export function browserFiles(link: Link): Files {
  const isKept = async (path: string): Promise<boolean> =>
    (await link.query<string | undefined>({ ask: 'slot', path })) !== undefined
  const isFolder = async (path: string): Promise<boolean> =>
    clean(path) === '' || (await link.query<KeptFile[]>({ ask: 'list', folder: path })).length > 0
  return {
    async whatToWrite(path) {
      return (await isFolder(path)) ? 'a file, not a folder' : undefined
    },
    async whatToRead(file) {
      if (typeof file !== 'string') return undefined
      if (await isFolder(file)) return 'a file, not a folder'
      return (await isKept(file)) ? undefined : 'a file that exists'
    },
    async read(file) {
      const bytes = await (typeof file === 'string'
        ? link.query<Uint8Array>({ ask: 'bytes', path: file })
        : bytesOf(file))
      return decodeStart(bytes, typeof file === 'string' ? file : nameOf(file))
    },
    async write(path, text) {
      await link.query({ ask: 'write', path, text })
      return path
    },
    isSame: (a, b) => (typeof a === 'string' && typeof b === 'string' ? clean(a) === clean(b) : a === b),
    name: nameOf,
  }
}

async function bytesOf(file: FileSource): Promise<Uint8Array> {
  try {
    const blob = await blobOf(file)
    return new Uint8Array(await blob.slice(0, START_BYTES + 1).arrayBuffer())
  } catch (error) {
    if (error instanceof KerfError) throw error
    const [path, reason] = [nameOf(file), (error as Error).message]
    const message = `${path}: ${reason}`
    throw new KerfError({ code: 'IO', message, details: { path, kind: 'Source', reason } }, { cause: error })
  }
}

async function blobOf(file: FileSource): Promise<Blob> {
  if (file instanceof Blob) return file
  if (file instanceof URL) {
    const response = await fetch(file)
    if (!response.ok) throw new Error(`the server answered ${response.status}`)
    return response.blob()
  }
  if ('kind' in file) return (file as FileSystemFileHandle).getFile()
  const bytes = 'read' in file ? await file.read(0, file.size) : new Uint8Array()
  return new Blob([new Uint8Array(bytes)])
}
