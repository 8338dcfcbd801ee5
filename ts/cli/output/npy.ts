// Vectors as a file of numpy (format 1.0): a header with the shape, then the numbers row by row.
import { endianness } from 'node:os'

const MAGIC = '\x93NUMPY\x01\x00'
/** The numbers begin at a multiple of this. */
const ALIGN = 64

/** The header of a two-dimensional array of 32-bit floats. */
export function npyHeader(rows: number, columns: number): Buffer {
  const order = endianness() === 'LE' ? '<' : '>'
  const dictionary = `{'descr': '${order}f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`
  // Magic, two bytes of length, the text and its line end.
  const unpadded = MAGIC.length + 2 + dictionary.length + 1
  const padding = (ALIGN - (unpadded % ALIGN)) % ALIGN
  const text = `${dictionary}${' '.repeat(padding)}\n`
  const length = Buffer.alloc(2)
  length.writeUInt16LE(text.length)
  return Buffer.concat([Buffer.from(MAGIC, 'latin1'), length, Buffer.from(text, 'latin1')])
}

/** The numbers of rows, as they are in memory. */
export function npyRows(vectors: readonly Float32Array[]): Buffer {
  return Buffer.concat(
    vectors.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
  )
}
