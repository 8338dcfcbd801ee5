// Files with synchronous access in the origin private file system. To open a file there takes a promise, which the core cannot
// wait for, so the pool has files open in advance: slots with names that mean nothing, and a log that says which path lies in which.
// (The idea is that of SQLite's opfs-sahpool.)
import { named, writeAll, type Access } from './access.js'
import { apply, isInside, MapLog, type Change, type Places } from './map-log.js'

/** Slots that must be free when the core takes its next step. */
export const SPARE_SLOTS = 128
const OPENED_AT_ONCE = 16

/** What makes and opens slots; tests have one in memory. */
export interface SlotFolder {
  names: () => Promise<string[]>
  open: (name: string) => Promise<Access>
}

/** The files of one origin, or of one folder in it. All methods but `grow` are synchronous. */
export class Pool {
  private highest = 0

  private constructor(
    private readonly folder: SlotFolder,
    private readonly log: MapLog,
    private readonly places: Places,
    private readonly slots: Map<string, Access>,
    private readonly free: string[],
  ) {}

  /** Opens every slot. What no path points to any more is emptied. */
  static async open(folder: SlotFolder): Promise<Pool> {
    const names = (await folder.names()).filter(name => /^\d+$/.test(name))
    const [a, b] = [await folder.open('map-a'), await folder.open('map-b')]
    const { log, places } = MapLog.open(a, b)
    const slots = new Map(await inBatches(names, async name => [name, await folder.open(name)] as const))
    const used = new Set(places.values())
    const free = names.filter(name => !used.has(name))
    for (const name of free) slots.get(name)?.truncate(0)
    for (const [path, name] of places) if (!slots.has(name)) places.delete(path)
    const pool = new Pool(folder, log, places, slots, free)
    pool.highest = Math.max(0, ...names.map(Number))
    return pool
  }

  /** Makes slots until so many are free. */
  async grow(spare = SPARE_SLOTS): Promise<void> {
    const missing = Math.max(0, spare - this.free.length)
    if (missing === 0) return
    const names = Array.from({ length: missing }, (_, index) => String(this.highest + 1 + index))
    this.highest += missing
    for (const [name, access] of await inBatches(
      names,
      async name => [name, await this.folder.open(name)] as const,
    )) {
      this.slots.set(name, access)
      this.free.push(name)
    }
  }

  /** Paths of all files in the folder and its folders, relative to it, in order. */
  list(folder: string): string[] {
    const skip = folder === '' ? 0 : folder.length + 1
    const inside = [...this.places.keys()].filter(path => path !== folder && isInside(path, folder))
    return inside.map(path => path.slice(skip)).sort()
  }

  /** Bytes of a file, -1 if there is none. */
  size(path: string): number {
    const name = this.places.get(path)
    return name === undefined ? -1 : this.slot(name).getSize()
  }

  /** Name of the slot that has a file. */
  slotOf(path: string): string | undefined {
    return this.places.get(path)
  }

  read(path: string, offset: number, into: Uint8Array): number {
    return this.open(path).read(into, { at: offset })
  }

  /** An empty file; one that is there is emptied. */
  create(path: string): void {
    const there = this.places.get(path)
    if (there !== undefined) return this.slot(there).truncate(0)
    const slot = this.free.pop()
    if (slot === undefined) {
      throw named(
        'TooManyFilesError',
        `more than ${SPARE_SLOTS} new files in one step; make fewer and larger ones`,
      )
    }
    try {
      this.change({ op: 'create', path, slot })
    } catch (error) {
      this.free.push(slot)
      throw error
    }
  }

  write(path: string, offset: number, bytes: Uint8Array): void {
    writeAll(this.open(path), bytes, offset)
  }

  /** Waits until the disk has the file and its name. */
  flush(path: string): void {
    this.open(path).flush()
    this.log.flush()
  }

  /** Renames a file, or all files of a folder, at once. What was under the new name is gone. */
  rename(from: string, to: string): void {
    if (from === to) return
    if (!this.has(from)) throw named('NotFoundError', `there is no ${from}`)
    this.change({ op: 'rename', from, to })
    this.log.flush()
  }

  /** Removes a file, or a folder with everything in it. */
  remove(path: string): void {
    if (this.has(path)) this.change({ op: 'remove', path })
  }

  /** Gives all handles back. */
  close(): void {
    for (const access of this.slots.values()) access.close()
    this.log.close()
  }

  private has(path: string): boolean {
    return [...this.places.keys()].some(file => isInside(file, path))
  }

  private change(change: Change): void {
    this.log.append(change)
    for (const name of apply(this.places, change)) {
      this.slot(name).truncate(0)
      this.free.push(name)
    }
  }

  private open(path: string): Access {
    const name = this.places.get(path)
    if (name === undefined) throw named('NotFoundError', `there is no ${path}`)
    return this.slot(name)
  }

  private slot(name: string): Access {
    const access = this.slots.get(name)
    if (!access) throw new Error(`slot ${name} is not open`)
    return access
  }
}

/** Some at a time: every one is a round trip to the browser's process. */
async function inBatches<T, R>(items: readonly T[], body: (item: T) => Promise<R>): Promise<R[]> {
  const done: R[] = []
  for (let at = 0; at < items.length; at += OPENED_AT_ONCE) {
    done.push(...(await Promise.all(items.slice(at, at + OPENED_AT_ONCE).map(body))))
  }
  return done
}
