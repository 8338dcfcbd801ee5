// Files that TypeScript reads and writes in a page: those that kerf keeps, and sources.
import { decodeText, START_BYTES } from '../../decode.js'
import { KerfError } from '../../errors.js'
import type { FileSource } from '../../source.js'
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
    read: file => (typeof file === 'string' ? link.query({ ask: 'text', path: file }) : textOf(file)),
    write: (path, text) => link.query({ ask: 'write', path, text }),
    isSame: (a, b) => (typeof a === 'string' && typeof b === 'string' ? clean(a) === clean(b) : a === b),
    name: nameOf,
  }
}

async function textOf(file: FileSource): Promise<string> {
  try {
    const blob = await blobOf(file)
    const start = new Uint8Array(await blob.slice(0, START_BYTES).arrayBuffer())
    return decodeText(start, nameOf(file), blob.size <= START_BYTES)
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
