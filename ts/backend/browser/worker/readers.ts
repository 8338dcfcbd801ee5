// Bytes that a worker can read without waiting.
import { named } from './access.js'
import type { Pool } from './pool.js'

/** A file to read at any place. */
export interface Reader {
  readonly size: number
  /** Fills `into` from `offset` on, as far as the file goes; returns the bytes read. */
  read(offset: number, into: Uint8Array): number
}

/** A `Blob`, `File`, or what a file handle points to. */
export class BlobReader implements Reader {
  private readonly reader = new FileReaderSync()

  constructor(private readonly blob: Blob) {}

  get size(): number {
    return this.blob.size
  }

  read(offset: number, into: Uint8Array): number {
    const part = this.blob.slice(offset, offset + into.length)
    into.set(new Uint8Array(this.reader.readAsArrayBuffer(part)))
    return part.size
  }
}

/** What was copied to the origin private file system. */
export class StagedReader implements Reader {
  readonly size: number

  constructor(
    private readonly pool: Pool,
    private readonly path: string,
  ) {
    this.size = pool.size(path)
  }

  read(offset: number, into: Uint8Array): number {
    return this.pool.read(this.path, offset, into)
  }
}

const BLOCK_BYTES = 256 << 10
const KEPT_BLOCKS = 64

/** A file on a server that knows range requests. Each read waits for the network: for headers, not for whole models. */
export class RangeReader implements Reader {
  private readonly blocks = new Map<number, Uint8Array>()

  constructor(
    private readonly url: string,
    readonly size: number,
  ) {}

  read(offset: number, into: Uint8Array): number {
    const end = Math.min(offset + into.length, this.size)
    let at = offset
    while (at < end) {
      const block = this.block(Math.floor(at / BLOCK_BYTES))
      const part = block.subarray(at % BLOCK_BYTES, (at % BLOCK_BYTES) + end - at)
      into.set(part, at - offset)
      at += part.length
    }
    return Math.max(0, end - offset)
  }

  private block(index: number): Uint8Array {
    const kept = this.blocks.get(index)
    if (kept) return kept
    const from = index * BLOCK_BYTES
    const bytes = fetchNow(this.url, from, Math.min(from + BLOCK_BYTES, this.size))
    const [oldest] = this.blocks.keys()
    if (oldest !== undefined && this.blocks.size >= KEPT_BLOCKS) this.blocks.delete(oldest)
    this.blocks.set(index, bytes)
    return bytes
  }
}

/** A synchronous request, which workers may make. */
function fetchNow(url: string, from: number, to: number): Uint8Array {
  const request = new XMLHttpRequest()
  request.open('GET', url, false)
  request.responseType = 'arraybuffer'
  request.setRequestHeader('Range', `bytes=${from}-${to - 1}`)
  request.send()
  const bytes = new Uint8Array((request.response as ArrayBuffer | null) ?? new ArrayBuffer(0))
  if (request.status === 206 && bytes.length === to - from) return bytes
  throw named('NetworkError', `${url} answered ${request.status} to a request for bytes ${from} to ${to - 1}`)
}
