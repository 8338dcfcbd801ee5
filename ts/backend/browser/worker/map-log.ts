// Which path lies in which slot, as a log that a crash cannot damage: a line counts only if its checksum fits, and what follows a
// line that does not is dropped. There are two files; the newer one that is whole is the log, the other takes the next compaction.
import { crc32 } from './crc32.js'
import { writeAll, type Access } from './access.js'

/** Paths and the names of their slots. */
export type Places = Map<string, string>

/** One change. A rename or a removal is of a file, or of everything in a folder. */
export type Change =
  | { op: 'create'; path: string; slot: string }
  | { op: 'rename'; from: string; to: string }
  | { op: 'remove'; path: string }

interface Snapshot {
  kerf: 1
  generation: number
  places: [string, string][]
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Whether a path is the folder's, or in it. */
export function isInside(path: string, folder: string): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`)
}

/** Does to the map what the change says. Returns the slots that no path points to any more. */
export function apply(places: Places, change: Change): string[] {
  if (change.op === 'create') {
    places.set(change.path, change.slot)
    return []
  }
  const moved = take(places, change.op === 'remove' ? change.path : change.from)
  if (change.op === 'remove') return moved.map(([, slot]) => slot)
  const replaced = take(places, change.to)
  for (const [path, slot] of moved) places.set(change.to + path.slice(change.from.length), slot)
  return replaced.map(([, slot]) => slot)
}

/** Takes a file, or everything in a folder, out of the map. */
function take(places: Places, path: string): [string, string][] {
  const taken = [...places].filter(([file]) => isInside(file, path))
  for (const [file] of taken) places.delete(file)
  return taken
}

/** The log of one pool. */
export class MapLog {
  private constructor(
    private access: Access,
    private other: Access,
    private generation: number,
    private end: number,
  ) {}

  /** Reads what the two files hold; both may be empty. */
  static open(a: Access, b: Access): { log: MapLog; places: Places } {
    const [first, second] = [readLog(a), readLog(b)]
    const [access, other, found] =
      (first?.generation ?? -1) >= (second?.generation ?? -1) ? [a, b, first] : [b, a, second]
    const log = new MapLog(access, other, found?.generation ?? 0, 0)
    const places: Places = found?.places ?? new Map()
    log.compact(places)
    return { log, places }
  }

  /** Adds a change. It is there after a crash of the tab, and after one of the system once the log was flushed. */
  append(change: Change): void {
    this.end = put(this.access, change, this.end)
  }

  /** Waits until the disk has it. */
  flush(): void {
    this.access.flush()
  }

  /** Ends the use of both files. */
  close(): void {
    this.access.close()
    this.other.close()
  }

  /** Starts afresh in the other file. Until that has a whole first line this one counts. */
  private compact(places: Places): void {
    const snapshot: Snapshot = { kerf: 1, generation: this.generation + 1, places: [...places] }
    this.other.truncate(0)
    const end = put(this.other, snapshot, 0)
    this.other.flush()
    ;[this.access, this.other] = [this.other, this.access]
    this.other.truncate(0)
    this.generation = snapshot.generation
    this.end = end
  }
}

function put(access: Access, value: Change | Snapshot, at: number): number {
  const json = JSON.stringify(value)
  const bytes = encoder.encode(`${checksum(json)} ${json}\n`)
  writeAll(access, bytes, at)
  return at + bytes.length
}

function checksum(json: string): string {
  return crc32(encoder.encode(json)).toString(16).padStart(8, '0')
}

function readLog(access: Access): { generation: number; places: Places } | undefined {
  const bytes = new Uint8Array(access.getSize())
  access.read(bytes, { at: 0 })
  const lines = decoder.decode(bytes).split('\n')
  const snapshot = parse<Snapshot>(lines[0])
  if (snapshot?.kerf !== 1) return undefined
  const places: Places = new Map(snapshot.places)
  for (const line of lines.slice(1)) {
    const change = parse<Change>(line)
    if (!change) break
    apply(places, change)
  }
  return { generation: snapshot.generation, places }
}

function parse<T>(line: string | undefined): T | undefined {
  const json = line?.slice(9) ?? ''
  return json !== '' && line?.startsWith(`${checksum(json)} `) ? (JSON.parse(json) as T) : undefined
}
