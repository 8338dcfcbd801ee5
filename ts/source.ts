// What a model, a text and a result may be besides a path. The types are structural, so that they need neither Node's nor the DOM's.
import type { Rule } from './check.js'
import { Held } from './held.js'

/** A `Blob` or `File`. */
export interface BlobSource {
  readonly size: number
  readonly type: string
  slice(start?: number, end?: number): BlobSource
  arrayBuffer(): Promise<ArrayBuffer>
}

/** A `File`, of which a folder may be made: by its `webkitRelativePath` if it has one, else by its name. */
export interface NamedBlob extends BlobSource {
  readonly name: string
  readonly webkitRelativePath?: string
}

/** Anything else that has bytes. It is copied to the origin private file system before the work starts. */
export interface ByteSource {
  /** Bytes in all. */
  readonly size: number
  /** Name of the file, such as `model.safetensors`. */
  readonly name?: string
  /** The `length` bytes from `offset` on; they lie within `size`. */
  read(offset: number, length: number): Uint8Array | PromiseLike<Uint8Array>
}

/** A `FileSystemFileHandle`. */
export interface FileHandle {
  readonly kind: 'file'
  readonly name: string
}

/** A `FileSystemDirectoryHandle`. */
export interface DirectoryHandle {
  readonly kind: 'directory'
  readonly name: string
}

/** In a page: one file. A `URL` is fetched, by range requests where the server knows them. */
export type FileSource = BlobSource | ByteSource | FileHandle | URL

/**
 * A path, or in a page a model as pages have them: a directory handle, the files of an `<input>` or a drop, one file, a `URL` (one that
 * ends with `/` is a folder with the usual file names), a source of your own, or an object that gives each file's name its source.
 */
export type Model =
  | string
  | FileSource
  | DirectoryHandle
  | ArrayLike<NamedBlob>
  | Readonly<Record<string, FileSource>>

/** In a page: a `WritableStream` of bytes, which gets the result as one zip file. */
export interface ByteStream {
  getWriter(): {
    write(chunk: Uint8Array<ArrayBuffer>): Promise<void>
    close(): Promise<void>
    abort(reason?: unknown): Promise<void>
  }
}

/** In a page: an empty directory, or a stream. */
export type Target = DirectoryHandle | ByteStream

/** Options that name a file to read. */
type FileOption =
  | 'calibration'
  | 'architecture'
  | 'textFile'
  | 'pairs'
  | 'task'
  | 'qa'
  | 'completion'
  | 'evalText'
  | 'evalPairs'

/** Options whose files may be sources in a page, and whose result may go to a target. */
export type WithSources<O> = {
  [K in keyof O]: K extends FileOption ? O[K] | FileSource : K extends 'out' ? O[K] | Target : O[K]
}

/** What this build takes besides paths. */
export interface Accepted {
  isFile: (value: unknown) => boolean
  isModel: (value: unknown) => boolean
  isTarget: (value: unknown) => boolean
}

let accepted: Accepted | undefined

/** Tells the rules what the backend of this build can do with values that are no paths. */
export function provideSources(what: Accepted): void {
  accepted = what
}

const isPath = (value: unknown): boolean =>
  typeof value === 'string' && value.length > 0 && !value.includes('\0')

function rule(kind: keyof Accepted, others: string): Rule {
  return {
    get expected() {
      return accepted ? `a path, or ${others}` : 'a path'
    },
    test: value => isPath(value) || (accepted?.[kind](value) ?? false),
  }
}

/** One file to read. */
export const file = rule('isFile', 'a File, Blob, file handle, URL or { size, read(offset, length) }')

/** A model to read. */
export const model = rule(
  'isModel',
  'a directory handle, an array of File, a Blob, a URL, { size, read(offset, length) }, or an object of them by file name',
)

/** A model to run: to read, or one that is open. */
export const runnable: Rule = {
  get expected() {
    return accepted ? model.expected : 'a path, or an open model'
  },
  test: value => value instanceof Held || model.test(value),
}

/** Where a result goes. */
export const target = rule('isTarget', 'a directory handle or a WritableStream')
