// What a page and its worker say to each other.
import type { ErrorData } from '../../errors.js'
import type { Answer } from '../backend.js'

/** Where the builds of the core are. */
export interface Assets {
  single: string
  threads: string
}

/** One file of a model as it can be sent: bytes that a worker can read, an address, or a source of the page. */
export type WireFile =
  | { kind: 'blob'; blob: Blob }
  | { kind: 'handle'; handle: FileSystemFileHandle }
  | { kind: 'url'; url: string }
  | { kind: 'custom'; source: number; size: number }

/** A file, a list of files by path, or a place where the worker looks what there is. */
export type WireSource =
  | { kind: 'file'; file: WireFile }
  | { kind: 'tree'; files: [path: string, file: WireFile][] }
  | { kind: 'directory'; handle: FileSystemDirectoryHandle }
  | { kind: 'site'; url: string }

/** A source under a name at the root of the files of one call. A file without a name of its own gets one by what it begins with. */
export interface Mount {
  name: string
  source: WireSource
}

/** How a worker sets itself up. */
export interface Setup {
  assets: Assets
  /** Folder of the origin private file system. */
  folder: string
  /** What this page has staged and nobody else may use goes under this name. */
  session: string
  /** Worker threads, 1 for the build without; 0 = all. */
  threads: number
}

/** What is asked of the files that kerf keeps. Paths are relative. */
export type FileQuery =
  | { ask: 'list'; folder: string }
  | { ask: 'slot'; path: string }
  | { ask: 'bytes'; path: string }
  | { ask: 'write'; path: string; text: string }
  | { ask: 'remove'; path: string }

export type ToWorker =
  | { kind: 'setup'; setup: Setup }
  | { kind: 'start'; id: number; command: string; requestJson: string; mounts: Mount[]; stop?: Int32Array }
  | { kind: 'cancel'; id: number }
  | { kind: 'files'; id: number; query: FileQuery }
  | { kind: 'bytes'; id: number; bytes: Uint8Array<ArrayBuffer> }
  | { kind: 'no-bytes'; id: number; reason: string }

export type FromWorker =
  | { kind: 'event'; id: number; eventJson: string }
  /** Buffers of its arrays are handed over, not copied. */
  | { kind: 'answer'; id: number; answer: Answer }
  /** The answer to a {@link FileQuery}. */
  | { kind: 'found'; id: number; found: unknown }
  | { kind: 'refused'; id: number; error: ErrorData }
  /** Asks the page for bytes of one of its sources. */
  | { kind: 'read'; id: number; source: number; offset: number; length: number }
  /** The core trapped: this worker is of no more use, and everything that runs in it has failed. */
  | { kind: 'crashed'; error: ErrorData }

/** The answer of a call that failed outside of the core. */
export function failed(error: ErrorData): Answer {
  return { json: JSON.stringify({ error }), arrays: {} }
}

/** A file that kerf keeps. */
export interface KeptFile {
  path: string
  bytes: number
}

/** A path without a leading `/` or `./`, an end `/`, and empty parts. */
export function clean(path: string): string {
  return path
    .split('/')
    .filter(part => part !== '' && part !== '.')
    .join('/')
}
