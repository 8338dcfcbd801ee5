import { clean } from '../protocol.js'
import { named } from './access.js'
import type { Pool } from './pool.js'
import type { Reader } from './readers.js'

/** What the core asks of its host's files; bindings/wasm calls it. */
export interface HostFiles {
  list(folder: string): string[]
  size(path: string): number
  read(path: string, offset: number, into: Uint8Array): number
  create(path: string): void
  write(path: string, offset: number, bytes: Uint8Array): void
  flush(path: string): void
  rename(from: string, to: string): void
  remove(path: string): void
}

/** The files of one call: those that kerf keeps, and over them the sources that the call was given. */
export class CallFiles implements HostFiles {
  private readonly roots: ReadonlySet<string>

  constructor(
    private readonly pool: Pool,
    private readonly sources: ReadonlyMap<string, Reader>,
  ) {
    this.roots = new Set([...sources.keys()].map(root))
  }

  list(folder: string): string[] {
    const place = clean(folder)
    if (!this.isSource(place)) return this.pool.list(place)
    return [...this.sources.keys()]
      .filter(path => path.startsWith(`${place}/`))
      .map(path => path.slice(place.length + 1))
      .sort()
  }

  size(path: string): number {
    const place = clean(path)
    return this.isSource(place) ? (this.sources.get(place)?.size ?? -1) : this.pool.size(place)
  }

  read(path: string, offset: number, into: Uint8Array): number {
    const place = clean(path)
    if (!this.isSource(place)) return this.pool.read(place, offset, into)
    const source = this.sources.get(place)
    if (!source) throw named('NotFoundError', `there is no ${place}`)
    return source.read(offset, into)
  }

  create(path: string): void {
    this.pool.create(this.writable(path))
  }

  write(path: string, offset: number, bytes: Uint8Array): void {
    this.pool.write(this.writable(path), offset, bytes)
  }

  flush(path: string): void {
    this.pool.flush(this.writable(path))
  }

  rename(from: string, to: string): void {
    this.pool.rename(this.writable(from), this.writable(to))
  }

  remove(path: string): void {
    this.pool.remove(this.writable(path))
  }

  private isSource(path: string): boolean {
    return this.roots.has(root(path))
  }

  private writable(path: string): string {
    const place = clean(path)
    if (this.isSource(place)) {
      throw named('NoModificationAllowedError', `${place} is a source, and sources are never written`)
    }
    return place
  }
}

function root(path: string): string {
  return path.split('/', 1)[0] ?? ''
}
