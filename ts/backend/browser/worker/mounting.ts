// From what a call was given to files that the core can read.
import type { Mount, WireFile } from '../protocol.js'
import { BlobReader, RangeReader, StagedReader, type Reader } from './readers.js'
import { notFound } from './failure.js'
import { probe, small } from './remote.js'
import { filesOfSite } from './site.js'
import { sizeOf, stage, type AskPage, type Copying, type Wanted } from './staging.js'
import type { ProgressEvent } from '../../../generated/index.js'

/** Folders below this depth are not looked into, as in Node. */
const MAX_DEPTH = 3
/** Up to this size a remote file is held in memory. */
const SMALL_BYTES = 1 << 20
const EVENT_MS = 50
/** Longest beginning that is looked at to tell what a file without a name is. */
const SNIFFED_BYTES = 4096

/** What mounting needs besides the mounts. */
export interface Mounting extends Omit<Copying, 'onBytes'> {
  ask: AskPage
  /** Whether only headers are read: then remote files are not copied. */
  headersOnly: boolean
  onEvent: (event: ProgressEvent) => void
}

type Entry = [path: string, file: WireFile]

/** Every file of the mounts under its path. */
export async function mountAll(mounts: readonly Mount[], mounting: Mounting): Promise<Map<string, Reader>> {
  const entries = (await Promise.all(mounts.map(mount => entriesOf(mount, mounting)))).flat()
  const found = await Promise.all(entries.map(([path, file]) => readerOf(path, file, mounting)))
  const wanted = found.flatMap(({ wanted }) => wanted ?? [])
  const onBytes = counter(
    wanted.reduce((sum, item) => sum + sizeOf(item), 0),
    mounting.onEvent,
  )
  const readers = new Map<string, Reader>()
  for (const { path, reader, wanted } of found) {
    if (reader) readers.set(path, reader)
    if (wanted)
      readers.set(path, new StagedReader(mounting.pool, await stage(wanted, { ...mounting, onBytes })))
  }
  return readers
}

async function entriesOf({ name, source }: Mount, mounting: Mounting): Promise<Entry[]> {
  switch (source.kind) {
    case 'file':
      return [[name, source.file]]
    case 'tree':
      return Promise.all(
        source.files.map(
          async ([path, file]): Promise<Entry> => [
            `${name}/${path === '' ? await nameOf(file, mounting) : path}`,
            file,
          ],
        ),
      )
    case 'directory':
      return under(name, await walk(source.handle))
    case 'site':
      return under(name, await filesOfSite(source.url, mounting.signal))
  }
}

function under(name: string, entries: readonly Entry[]): Entry[] {
  return entries.map(([path, file]) => [`${name}/${path}`, file])
}

/** All files of a directory but hidden ones. */
async function walk(directory: FileSystemDirectoryHandle, inside = '', depth = 0): Promise<Entry[]> {
  const found: Entry[] = []
  for await (const [name, handle] of directory.entries()) {
    if (name.startsWith('.')) continue
    if (handle.kind === 'file')
      found.push([inside + name, { kind: 'handle', handle: handle as FileSystemFileHandle }])
    else if (depth < MAX_DEPTH) {
      found.push(...(await walk(handle as FileSystemDirectoryHandle, `${inside}${name}/`, depth + 1)))
    }
  }
  return found
}

/** A file that can be read as it is, or one to copy first. */
async function readerOf(
  path: string,
  file: WireFile,
  { headersOnly, signal }: Mounting,
): Promise<{ path: string; reader?: Reader; wanted?: Wanted }> {
  switch (file.kind) {
    case 'blob':
      return { path, reader: new BlobReader(file.blob) }
    case 'handle':
      return { path, reader: new BlobReader(await file.handle.getFile()) }
    case 'custom':
      return { path, wanted: { kind: 'custom', name: path, source: file.source, size: file.size } }
    case 'url': {
      const remote = await probe(file.url, signal)
      if (!remote) throw notFound(file.url)
      const { size, ranges } = remote
      if (size !== undefined && size <= SMALL_BYTES) {
        return { path, reader: new BlobReader((await small(file.url, signal)) ?? new Blob()) }
      }
      if (headersOnly && ranges && size !== undefined)
        return { path, reader: new RangeReader(file.url, size) }
      return { path, wanted: { kind: 'remote', name: path, remote } }
    }
  }
}

/** The usual name of a file with weights that begins like this. */
async function nameOf(file: WireFile, { ask, signal }: Mounting): Promise<string> {
  const start = await beginning(file, ask, signal)
  const text = new TextDecoder('latin1').decode(start)
  if (text.startsWith('GGUF')) return 'model.gguf'
  return /"kerf[."]/.test(text) ? 'model.kerf' : 'model.safetensors'
}

async function beginning(file: WireFile, ask: AskPage, signal: AbortSignal): Promise<Uint8Array> {
  if (file.kind === 'custom') return ask(file.source, 0, Math.min(SNIFFED_BYTES, file.size))
  if (file.kind === 'url') {
    const response = await fetch(file.url, { headers: { Range: `bytes=0-${SNIFFED_BYTES - 1}` }, signal })
    const first = await response.body?.getReader().read()
    return first?.value?.subarray(0, SNIFFED_BYTES) ?? new Uint8Array()
  }
  const blob = file.kind === 'blob' ? file.blob : await file.handle.getFile()
  return new Uint8Array(await blob.slice(0, SNIFFED_BYTES).arrayBuffer())
}

/** Progress of the copies together. */
function counter(total: number, onEvent: (event: ProgressEvent) => void): Copying['onBytes'] {
  let [done, told] = [0, -Infinity]
  return (bytes, name) => {
    done += bytes
    const now = performance.now()
    if (now - told < EVENT_MS && done < total) return
    told = now
    const most = Math.max(1, done, total)
    onEvent({ stage: 'copy', done, total: Math.max(done, total), unit: 'bytes', name, overall: done / most })
  }
}
