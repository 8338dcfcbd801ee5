// A result on its way from the files that kerf keeps to a directory or a stream.
import { KerfError } from '../../errors.js'
import type { ProgressEvent } from '../../generated/index.js'
import type { ByteStream, Model, Target } from '../../source.js'
import type { Delivery } from '../backend.js'
import type { Kept } from './kept.js'
import { whyNotOurs } from './ours.js'
import { nameOf } from './sources.js'

/** Results that are on their way lie here; they are gone when they have arrived. */
const OUTGOING = '.outgoing'

/** How the result of a model gets to a target. */
export function delivery(kept: Kept, target: Target, model: Model): Delivery {
  const name = `${nameOf(model).replace(/\.(safetensors|kerf|gguf)$/, '')}-kerf`
  const path = `${OUTGOING}/${name}`
  const isDirectory = 'kind' in target
  return {
    path,
    async prepare(force) {
      if (isDirectory) await refuseFull(target as FileSystemDirectoryHandle, force)
      // Whole, but never delivered: the page was closed meanwhile.
      await kept.remove(path)
    },
    async deliver(onEvent) {
      const files = await kept.list(path)
      const told = teller(
        files.reduce((sum, { bytes }) => sum + bytes, 0),
        onEvent,
      )
      try {
        if (isDirectory) await toDirectory(kept, path, target as FileSystemDirectoryHandle, told)
        else await toStream(await kept.zip(path), target, told)
      } catch (error) {
        throw undelivered(path, error)
      }
      await kept.remove(path)
      return isDirectory ? target.name : `${name}.zip`
    },
  }
}

async function refuseFull(directory: FileSystemDirectoryHandle, force: boolean): Promise<void> {
  const names: string[] = []
  for await (const name of directory.keys()) names.push(name)
  const [first] = names
  if (first === undefined) return
  const path = directory.name
  const exists = (message: string): KerfError =>
    new KerfError({ code: 'OUTPUT_EXISTS', message, details: { path } })
  const empty = "give an empty directory, such as await handle.getDirectoryHandle('small', { create: true })"
  if (!force) {
    throw exists(
      `${path} is not empty (${first} is in it); ${empty}, or \`force\` to replace what kerf wrote`,
    )
  }
  const reason = await whyNotOurs(directory, names)
  if (reason !== undefined) {
    throw exists(
      `${path} is not as kerf wrote it (${reason}), so that \`force\` does not replace it; ${empty}`,
    )
  }
}

type Teller = (bytes: number, name: string) => void

/** A directory cannot be renamed: each file takes the place of the old one when it is whole, then goes what the result does not have. */
async function toDirectory(
  kept: Kept,
  from: string,
  directory: FileSystemDirectoryHandle,
  told: Teller,
): Promise<void> {
  const written: string[] = []
  const files = await kept.list(from)
  try {
    for (const { path } of files) {
      written.push(path.split('/', 1)[0] ?? '')
      const file = await kept.file(`${from}/${path}`)
      const output = await (await place(directory, path)).createWritable()
      await file
        .stream()
        .pipeThrough(counted(bytes => told(bytes, path)))
        .pipeTo(output)
    }
  } catch (error) {
    for (const name of new Set(written))
      await directory.removeEntry(name, { recursive: true }).catch(() => undefined)
    throw error
  }
  const wanted = new Set(written)
  const old: string[] = []
  for await (const name of directory.keys()) if (!wanted.has(name)) old.push(name)
  for (const name of old) await directory.removeEntry(name, { recursive: true })
}

async function place(directory: FileSystemDirectoryHandle, path: string): Promise<FileSystemFileHandle> {
  const folders = path.split('/')
  const name = folders.pop() ?? ''
  let inside = directory
  for (const folder of folders) inside = await inside.getDirectoryHandle(folder, { create: true })
  return inside.getFileHandle(name, { create: true })
}

async function toStream(
  zip: ReadableStream<Uint8Array<ArrayBuffer>>,
  stream: ByteStream,
  told: Teller,
): Promise<void> {
  const writer = stream.getWriter()
  const reader = zip.getReader()
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      await writer.write(part.value)
      told(part.value.length, '')
    }
    await writer.close()
  } catch (error) {
    await writer.abort(error).catch(() => undefined)
    throw error
  }
}

function counted(onBytes: (bytes: number) => void): TransformStream<Uint8Array, Uint8Array<ArrayBuffer>> {
  return new TransformStream({
    transform(chunk, controller) {
      onBytes(chunk.length)
      controller.enqueue(chunk as Uint8Array<ArrayBuffer>)
    },
  })
}

/** Progress of the stage `copy`. A zip has more bytes than its files. */
function teller(total: number, onEvent: (event: ProgressEvent) => void): Teller {
  let done = 0
  return (bytes, name) => {
    done = Math.min(total, done + bytes)
    onEvent({ stage: 'copy', done, total, unit: 'bytes', name, overall: done / Math.max(1, total) })
  }
}

function undelivered(path: string, error: unknown): KerfError {
  const { name: kind, message: reason } = error as Error
  const code = kind === 'QuotaExceededError' ? 'DISK_FULL' : 'IO'
  const message = `the result is complete in ${path} of kerf's own files, but could not be written to its target: ${reason}`
  return new KerfError({ code, message, details: { path, kind, reason } }, { cause: error })
}
