// Copies of what cannot be read without waiting. A copy of an address is kept as long as the server's file stays the same, and a
// download that broke off goes on where it was; a copy of a page's own source lasts as long as the page.
import { io } from './failure.js'
import type { Pool } from './pool.js'
import { download, type Remote } from './remote.js'
import { STAGED, STAGED_URLS } from './storage.js'

const CHUNK_BYTES = 4 << 20

/** Gets bytes of a source of the page. */
export type AskPage = (source: number, offset: number, length: number) => Promise<Uint8Array>

/** What is to be copied. */
export type Wanted =
  | { kind: 'remote'; name: string; remote: Remote }
  | { kind: 'custom'; name: string; source: number; size: number }

/** How a copy is made, and who is told. */
export interface Copying {
  pool: Pool
  session: string
  ask: AskPage
  signal: AbortSignal
  /** Told of bytes as they come. */
  onBytes: (bytes: number, name: string) => void
}

/** Bytes to copy; 0 if the server does not say. */
export function sizeOf(wanted: Wanted): number {
  return wanted.kind === 'custom' ? wanted.size : (wanted.remote.size ?? 0)
}

/** Copies on their way, by folder: two calls may want the same file. */
const underWay = new Map<string, Promise<string>>()

/** Copies the file unless that has been done; resolves to the path of the copy. */
export async function stage(wanted: Wanted, copying: Copying): Promise<string> {
  const { session } = copying
  const folder =
    wanted.kind === 'custom' ? `${STAGED}/${session}/${wanted.source}` : await folderOf(wanted.remote)
  for (let other = underWay.get(folder); other; other = underWay.get(folder))
    await other.catch(() => undefined)
  const copied = copy(wanted, folder, copying)
  underWay.set(folder, copied)
  try {
    return await copied
  } finally {
    underWay.delete(folder)
  }
}

async function copy(
  wanted: Wanted,
  folder: string,
  { pool, session, ask, signal, onBytes }: Copying,
): Promise<string> {
  const key = keyOf(wanted, session)
  const data = `${folder}/data`
  if (isThere(pool, folder, key)) {
    onBytes(pool.size(data), wanted.name)
    return data
  }
  await pool.grow()
  const part = begin(pool, folder, key, wanted.kind === 'remote' && wanted.remote.ranges)
  let at = pool.size(part)
  onBytes(at, wanted.name)
  for await (const bytes of chunks(wanted, at, ask, signal)) {
    signal.throwIfAborted()
    pool.write(part, at, bytes)
    at += bytes.length
    onBytes(bytes.length, wanted.name)
  }
  check(wanted, at)
  pool.flush(part)
  pool.rename(part, data)
  return data
}

/** What decides whether a copy is of the same file. One that has no validator is taken for it while the page is open. */
function keyOf(wanted: Wanted, session: string): string {
  if (wanted.kind === 'custom') return String(wanted.size)
  const { url, size = -1, validator = session } = wanted.remote
  return JSON.stringify([url, size, validator])
}

async function folderOf({ url }: Remote): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(url))
  const hex = [...new Uint8Array(digest, 0, 12)].map(byte => byte.toString(16).padStart(2, '0')).join('')
  return `${STAGED_URLS}/${hex}`
}

function isThere(pool: Pool, folder: string, key: string): boolean {
  return pool.size(`${folder}/data`) >= 0 && readText(pool, `${folder}/key`) === key
}

/** The unfinished copy: that of an earlier run if it can go on, else an empty one. */
function begin(pool: Pool, folder: string, key: string, resumes: boolean): string {
  const part = `${folder}/part`
  if (resumes && pool.size(part) >= 0 && readText(pool, `${folder}/key`) === key) return part
  pool.remove(folder)
  pool.create(`${folder}/key`)
  pool.write(`${folder}/key`, 0, new TextEncoder().encode(key))
  pool.create(part)
  return part
}

function chunks(wanted: Wanted, at: number, ask: AskPage, signal: AbortSignal): AsyncIterable<Uint8Array> {
  if (wanted.kind === 'custom') return pieces(wanted, at, ask)
  const isWhole = wanted.remote.size !== undefined && at >= wanted.remote.size
  return isWhole ? nothing() : download(wanted.remote.url, at, signal)
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // A file without bytes, or one of which only the renaming was missing.
}

async function* pieces(
  { name, source, size }: Wanted & { kind: 'custom' },
  from: number,
  ask: AskPage,
): AsyncGenerator<Uint8Array> {
  for (let at = from; at < size; at += CHUNK_BYTES) {
    const length = Math.min(CHUNK_BYTES, size - at)
    const bytes = await ask(source, at, length)
    if (bytes.length !== length) {
      throw io(name, `its read(${at}, ${length}) gave ${bytes.length} bytes`, 'Source')
    }
    yield bytes
  }
}

function check(wanted: Wanted, bytes: number): void {
  const expected = wanted.kind === 'custom' ? wanted.size : wanted.remote.size
  if (expected !== undefined && bytes !== expected) {
    throw io(wanted.name, `${bytes} bytes came instead of ${expected}`, 'Network')
  }
}

/** Bytes of a file of the pool; none if there is no file. */
export function readAll(pool: Pool, path: string): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, pool.size(path)))
  if (bytes.length > 0) pool.read(path, 0, bytes)
  return bytes
}

/** Text that this wrote. */
function readText(pool: Pool, path: string): string {
  return new TextDecoder().decode(readAll(pool, path))
}
