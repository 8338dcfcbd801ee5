// Builds the model folder of a case: a base, and changes in order. make_goldens.py does the same in Python: keep the two alike.
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readFile, writeFile, type Entry, type File } from '../ts/support/safetensors.js'

/** One change of a folder. */
export type Change =
  /** Fields of a JSON file; null removes one. */
  | { set: Record<string, unknown>; in: string }
  /** A whole file. */
  | { write: string; content: string }
  /** Other text in a file: what JSON cannot say. */
  | { replace: string; by: string; file: string }
  | { remove: string }
  /** A link of that name to that target. */
  | { link: string; to: string }
  /** Puts a text before the names of all tensors. */
  | { prefix: string }
  /** Takes a text away from the names of all tensors. */
  | { strip: string }
  | { drop: string }
  /** Copies a tensor under another name, its values times a factor. */
  | { copy: string; as: string; times: number }
  /** Sets one value of a 32-bit tensor. */
  | { fill: string; at: number; value: 'NaN' | 'Infinity' | number }
  /** A 32-bit tensor of one value everywhere. */
  | { add: string; shape: number[]; value: number }

/** Copies `base` to `folder` and changes it. */
export function build(base: string, folder: string, changes: readonly Change[]): void {
  cpSync(base, folder, { recursive: true })
  for (const change of changes) apply(folder, change)
}

function apply(folder: string, change: Change): void {
  if ('set' in change) return setFields(join(folder, change.in), change.set)
  if ('write' in change) {
    mkdirSync(dirname(join(folder, change.write)), { recursive: true })
    return writeFileSync(join(folder, change.write), change.content)
  }
  if ('replace' in change) {
    const path = join(folder, change.file)
    return writeFileSync(path, readFileSync(path, 'utf8').replace(change.replace, change.by))
  }
  if ('remove' in change) return rmSync(join(folder, change.remove), { recursive: true })
  if ('link' in change) return symlinkSync(change.to, join(folder, change.link))
  const path = join(folder, 'model.safetensors')
  writeFile(path, tensors(readFile(path), change))
}

function setFields(path: string, fields: Record<string, unknown>): void {
  const json = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  for (const [name, value] of Object.entries(fields)) {
    if (value === null) delete json[name]
    else json[name] = value
  }
  writeFileSync(path, JSON.stringify(json, undefined, 2))
}

type OfTensors = Exclude<
  Change,
  { set: unknown } | { write: unknown } | { replace: unknown } | { remove: unknown } | { link: unknown }
>

function tensors(file: File, change: OfTensors): File {
  if ('prefix' in change) return renamed(file, name => change.prefix + name)
  if ('strip' in change) return renamed(file, name => name.replace(change.strip, ''))
  if ('drop' in change) {
    entry(file, change.drop)
    return packed(
      file,
      Object.keys(file.header).filter(name => name !== change.drop),
    )
  }
  if ('copy' in change) {
    const { shape } = entry(file, change.copy)
    return added(
      file,
      change.as,
      shape,
      floats(file, change.copy).map(value => value * change.times),
    )
  }
  if ('add' in change) {
    const count = change.shape.reduce((product, size) => product * size, 1)
    return added(file, change.add, change.shape, new Float32Array(count).fill(change.value))
  }
  const values = floats(file, change.fill)
  values[change.at] = Number(change.value)
  const data = Buffer.from(file.data)
  Buffer.from(values.buffer).copy(data, entry(file, change.fill).data_offsets[0])
  return { ...file, data }
}

function entry(file: File, name: string): Entry {
  const found = file.header[name]
  if (!found) throw new Error(`no tensor ${name}`)
  return found
}

function floats(file: File, name: string): Float32Array {
  const bytes = Uint8Array.from(file.data.subarray(...entry(file, name).data_offsets))
  return new Float32Array(bytes.buffer)
}

function renamed(file: File, rename: (name: string) => string): File {
  const header = Object.entries(file.header).map(([name, entry]) => [rename(name), entry] as const)
  return { ...file, header: Object.fromEntries(header) }
}

/** Some tensors, one behind the other. */
function packed(file: File, names: readonly string[]): File {
  const header: Record<string, Entry> = {}
  const pieces: Buffer[] = []
  let at = 0
  for (const name of names) {
    const old = entry(file, name)
    const piece = file.data.subarray(...old.data_offsets)
    header[name] = { ...old, data_offsets: [at, at + piece.length] }
    pieces.push(piece)
    at += piece.length
  }
  return { ...file, header, data: Buffer.concat(pieces) }
}

/** With one tensor more, or another in place of one. */
function added(file: File, name: string, shape: number[], values: Float32Array): File {
  const start = file.data.length
  const data = Buffer.concat([file.data, Buffer.from(values.buffer)])
  const own: Entry = { dtype: 'F32', shape, data_offsets: [start, data.length] }
  const { [name]: _replaced, ...header } = file.header
  const names = [...Object.keys(header), name]
  return packed({ ...file, header: { ...header, [name]: own }, data }, names)
}
