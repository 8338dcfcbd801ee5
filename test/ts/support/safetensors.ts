// An independent reader and writer of safetensors files, to take models apart and to damage them.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where a tensor is, as the header of a file says. */
export interface Entry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

/** A file in memory. */
export interface File {
  header: Record<string, Entry>
  metadata: Record<string, string> | undefined
  data: Buffer
}

/** Reads a file. */
export function readFile(path: string): File {
  const bytes = readFileSync(path)
  const length = Number(bytes.readBigUInt64LE(0))
  const { __metadata__, ...header } = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    unknown
  >
  return {
    header: header as Record<string, Entry>,
    metadata: __metadata__ as Record<string, string> | undefined,
    data: bytes.subarray(8 + length),
  }
}

/** Writes a file with the header as it is, true or not. */
export function writeFile(path: string, { header, metadata, data }: File): void {
  const all = metadata ? { __metadata__: metadata, ...header } : header
  const text = Buffer.from(JSON.stringify(all))
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, ' ')])
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(padded.length))
  writeFileSync(path, Buffer.concat([length, padded, data]))
}

/** Reads the model file of a folder, changes it, and writes it back. */
export function edit(model: string, change: (file: File) => void): void {
  const path = join(model, 'model.safetensors')
  const file = readFile(path)
  file.data = Buffer.from(file.data)
  change(file)
  writeFile(path, file)
}

/** Values of a 32-bit tensor. */
export function values({ header, data }: File, name: string): Float32Array {
  const entry = header[name]
  if (!entry || entry.dtype !== 'F32') throw new Error(`${name} is no f32 tensor`)
  const bytes = data.subarray(...entry.data_offsets)
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}

/** Splits the single file of a model into two shards with an index. */
export function shard(model: string): void {
  const whole = readFile(join(model, 'model.safetensors'))
  const tensors = Object.entries(whole.header)
  const half = Math.ceil(tensors.length / 2)
  const weight_map: Record<string, string> = {}
  for (const [index, part] of [tensors.slice(0, half), tensors.slice(half)].entries()) {
    const file = `model-0000${index + 1}-of-00002.safetensors`
    const pieces = part.map(([, entry]) => whole.data.subarray(...entry.data_offsets))
    let offset = 0
    const header = part.map(([name, entry], at): [string, Entry] => {
      const begin = offset
      offset += pieces[at]?.length ?? 0
      weight_map[name] = file
      return [name, { ...entry, data_offsets: [begin, offset] }]
    })
    const data = Buffer.concat(pieces)
    writeFile(join(model, file), { header: Object.fromEntries(header), metadata: { format: 'pt' }, data })
  }
  rmSync(join(model, 'model.safetensors'))
  const index = { metadata: { total_size: whole.data.length }, weight_map }
  writeFileSync(join(model, 'model.safetensors.index.json'), JSON.stringify(index))
}
