// The worker of a page: it owns the files and runs the core. Threads of the core are the same file under another name.
import type { FileQuery, FromWorker, KeptFile, ToWorker } from '../protocol.js'
import { clean } from '../protocol.js'
import { Calls } from './calls.js'
import { io, notFound, toData } from './failure.js'
import type { Pool } from './pool.js'
import { readAll, type AskPage } from './staging.js'
import { Storage } from './storage.js'
import { beThread, THREAD } from './threads.js'

function serve(): void {
  const bytes = new PageBytes()
  let calls: Calls | undefined
  let storage: Storage | undefined
  self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
    switch (data.kind) {
      case 'setup':
        storage = new Storage(data.setup.folder, data.setup.session)
        calls = new Calls(data.setup, storage, bytes.ask, post)
        return
      case 'start':
        return void calls?.start(data)
      case 'cancel':
        return calls?.cancel(data.id)
      case 'files':
        return void storage
          ?.use(pool => answer(data.id, data.query, pool))
          .catch((error: unknown) => {
            post({ kind: 'refused', id: data.id, error: toData(error, 'the files of kerf') })
          })
      case 'bytes':
        return bytes.take(data.id, data.bytes)
      case 'no-bytes':
        return bytes.refuse(data.id, data.reason)
    }
  }
}

function post(message: FromWorker, transfer: Transferable[] = []): void {
  self.postMessage(message, transfer)
}

async function answer(id: number, query: FileQuery, pool: Pool): Promise<void> {
  await pool.grow()
  post({ kind: 'found', id, found: find(query, pool) })
}

function find(query: FileQuery, pool: Pool): unknown {
  if (query.ask === 'list') return list(pool, clean(query.folder))
  const path = clean(query.path)
  switch (query.ask) {
    case 'slot':
      return pool.slotOf(path)
    case 'bytes':
      if (pool.size(path) < 0) throw notFound(path)
      return readAll(pool, path)
    case 'write':
      return write(pool, path, query.text)
    case 'remove':
      return pool.remove(path)
  }
}

function list(pool: Pool, folder: string): KeptFile[] {
  const inside = folder === '' ? '' : `${folder}/`
  return pool.list(folder).map(path => ({ path, bytes: pool.size(inside + path) }))
}

/** Whole or not at all. */
function write(pool: Pool, path: string, text: string): void {
  const beside = `${path}.tmp`
  pool.create(beside)
  try {
    pool.write(beside, 0, new TextEncoder().encode(text))
    pool.flush(beside)
    pool.rename(beside, path)
  } catch (error) {
    pool.remove(beside)
    throw error
  }
}

/** Bytes of sources that only the page can read. */
class PageBytes {
  private readonly waiting = new Map<
    number,
    { resolve: (bytes: Uint8Array) => void; reject: (error: Error) => void; source: number }
  >()
  private last = 0

  readonly ask: AskPage = (source, offset, length) =>
    new Promise((resolve, reject) => {
      this.last += 1
      this.waiting.set(this.last, { resolve, reject, source })
      post({ kind: 'read', id: this.last, source, offset, length })
    })

  take(id: number, bytes: Uint8Array): void {
    this.waiting.get(id)?.resolve(bytes)
    this.waiting.delete(id)
  }

  refuse(id: number, reason: string): void {
    const asked = this.waiting.get(id)
    asked?.reject(io('a source of the page', reason, 'Source'))
    this.waiting.delete(id)
  }
}

if (self.name === THREAD) beThread()
else serve()
