// What a page may give as a model, a text or a target, and how it reaches the worker.
import type {
  Accepted,
  ByteSource,
  DirectoryHandle,
  FileHandle,
  FileSource,
  Model,
  NamedBlob,
} from '../../source.js'
import { requestJson } from '../../request-json.js'
import type { Mount, WireFile, WireSource } from './protocol.js'

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
const isBlob = (value: unknown): value is Blob => value instanceof Blob
const isUrl = (value: unknown): value is URL => value instanceof URL
const isHandle = (value: unknown, kind: string): boolean =>
  isObject(value) && 'kind' in value && value.kind === kind
const isDirectory = (value: unknown): value is DirectoryHandle => isHandle(value, 'directory')
const isFileHandle = (value: unknown): value is FileHandle => isHandle(value, 'file')
const isBytes = (value: unknown): value is ByteSource =>
  isObject(value) &&
  'read' in value &&
  typeof value.read === 'function' &&
  'size' in value &&
  isSize(value.size)
const isSize = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

const isFile = (value: unknown): value is FileSource =>
  isBlob(value) || isUrl(value) || isFileHandle(value) || isBytes(value)

/** An array of `File`, or a `FileList`. */
const isFiles = (value: unknown): value is ArrayLike<NamedBlob> => {
  if (!Array.isArray(value) && !(typeof FileList !== 'undefined' && value instanceof FileList)) return false
  return value.length > 0 && [...value].every((item: unknown) => isBlob(item) && 'name' in item)
}

const isNamed = (value: unknown): value is Record<string, FileSource> =>
  isObject(value) &&
  Object.getPrototypeOf(value) === Object.prototype &&
  Object.keys(value).length > 0 &&
  Object.values(value).every(isFile)

/** What pages may give besides paths. */
export const accepted: Accepted = {
  isFile,
  isModel: value => isFile(value) || isDirectory(value) || isFiles(value) || isNamed(value),
  isTarget: value => isDirectory(value) || (isObject(value) && 'getWriter' in value),
}

/** Fields of requests that are models; other sources are single files. */
const MODELS: readonly string[] = ['model', 'original', 'small']

/** A request with paths in the place of its sources. */
export interface Mounted {
  requestJson: string
  mounts: Mount[]
  /** Sources that the page reads for the worker. */
  custom: Map<number, ByteSource>
}

/** Gives every source of a request a name at the root of the call's files. The same source gets the same name. */
export function mount(request: object): Mounted {
  const names = new Map<object, string>()
  const mounts: Mount[] = []
  const custom = new Map<number, ByteSource>()
  const json = requestJson(request, function (this: Record<string, unknown>, field, converted: unknown) {
    // Before a toJSON, which a URL has.
    const value = this[field]
    if (field === '' || !isObject(value)) return converted
    const isModel = MODELS.includes(field)
    if (!(isModel ? accepted.isModel(value) : isFile(value))) return converted
    const known = names.get(value)
    if (known !== undefined) return known
    const { wanted, source } = isModel
      ? wireModel(value as Exclude<Model, string>, custom)
      : wireText(field, value as FileSource, custom)
    const name = free(wanted, new Set(names.values()))
    names.set(value, name)
    mounts.push({ name, source })
    return name
  })
  return { requestJson: json, mounts, custom }
}

/** Name of a model or a file, as its folder or file is called. */
export function nameOf(model: Model): string {
  if (typeof model === 'string') return lastPart(model)
  if (isUrl(model)) return lastPart(decodeURIComponent(model.pathname)) || model.host
  if (isDirectory(model)) return model.name || 'model'
  if (isFile(model)) return ('name' in model && typeof model.name === 'string' && model.name) || 'model'
  if (isFiles(model)) return rootOf(model) ?? 'model'
  return 'model'
}

interface Wired {
  wanted: string
  source: WireSource
}

/** A single file is a folder with just that file, so that the result is called by its stem. */
function wireModel(model: Exclude<Model, string>, custom: Mounted['custom']): Wired {
  const name = nameOf(model)
  if (isDirectory(model)) {
    return { wanted: name, source: { kind: 'directory', handle: model as FileSystemDirectoryHandle } }
  }
  if (isUrl(model) && model.pathname.endsWith('/'))
    return { wanted: name, source: { kind: 'site', url: model.href } }
  if (isFile(model)) {
    const hasName = /\.(safetensors|kerf|gguf)$/.test(name)
    const files: [string, WireFile][] = [[hasName ? name : '', wireFile(model, custom)]]
    return { wanted: name.replace(/\.[^.]*$/, ''), source: { kind: 'tree', files } }
  }
  if (isFiles(model)) {
    const root = rootOf(model)
    const inside = (file: NamedBlob): string =>
      root === undefined ? file.name : (file.webkitRelativePath ?? '').slice(root.length + 1)
    const files = Array.from(model, (file): [string, WireFile] => [inside(file), wireFile(file, custom)])
    return { wanted: name, source: { kind: 'tree', files } }
  }
  const files = Object.entries(model as Record<string, FileSource>)
  return {
    wanted: name,
    source: { kind: 'tree', files: files.map(([path, file]) => [path, wireFile(file, custom)]) },
  }
}

function wireText(field: string, file: FileSource, custom: Mounted['custom']): Wired {
  const name = nameOf(file)
  return { wanted: name === 'model' ? field : name, source: { kind: 'file', file: wireFile(file, custom) } }
}

const ids = new WeakMap<object, number>()
let lastId = 0

function wireFile(file: FileSource, custom: Mounted['custom']): WireFile {
  if (isBlob(file)) return { kind: 'blob', blob: file }
  if (isUrl(file)) return { kind: 'url', url: file.href }
  if (isFileHandle(file)) return { kind: 'handle', handle: file as FileSystemFileHandle }
  const bytes = file as ByteSource
  let source = ids.get(bytes)
  if (source === undefined) {
    lastId += 1
    source = lastId
    ids.set(bytes, source)
  }
  custom.set(source, bytes)
  return { kind: 'custom', source, size: bytes.size }
}

/** The folder that all files of an `<input webkitdirectory>` are in. */
function rootOf(files: ArrayLike<NamedBlob>): string | undefined {
  const roots = new Set(Array.from(files, file => (file.webkitRelativePath ?? '').split('/')[0]))
  const [root] = roots
  return roots.size === 1 && root ? root : undefined
}

function lastPart(path: string): string {
  return path.replace(/\/+$/, '').split('/').pop() ?? ''
}

function free(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted
  for (let count = 2; taken.has(name); count += 1) name = `${wanted}-${count}`
  return name
}
