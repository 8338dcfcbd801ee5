import type { Screen } from '../screen.js'
import { npyHeader, npyRows } from './npy.js'

/** Forms of vectors on standard output, the default first. */
export const VECTOR_FORMS = ['text', 'ndjson', 'npy'] as const

/** One of {@link VECTOR_FORMS}. */
export type VectorForm = (typeof VECTOR_FORMS)[number]

/** About so much text is written at once. */
const PIECE_CHARACTERS = 1 << 16

/** Takes vectors in their order and writes them as they come. */
export type TakeVectors = (vectors: readonly Float32Array[]) => Promise<void>

/**
 * Writes vectors in a form: lines of numbers with spaces between them, lines of JSON, or one array for numpy, whose header needs the
 * number of all `rows`.
 */
export function vectorWriter(form: VectorForm, rows: number | undefined, screen: Screen): TakeVectors {
  if (form === 'ndjson') return vectors => writeAll(vectors, vector => `${asJson(vector)}\n`, screen)
  if (form === 'text') return vectors => writeAll(vectors, asLine, screen)
  let isBegun = false
  return async vectors => {
    if (!isBegun) await screen.put(npyHeader(rows ?? 0, vectors[0]?.length ?? 0))
    isBegun = true
    await screen.put(npyRows(vectors))
  }
}

/** `{"vectors": [...], ...others}` as one line, written in pieces: all of it need not fit into one string. */
export async function vectorsAsJson(
  vectors: readonly Float32Array[],
  others: object,
  screen: Screen,
): Promise<void> {
  await screen.put('{"vectors":[')
  await writeAll(vectors, (vector, index) => `${index > 0 ? ',' : ''}${asJson(vector)}`, screen)
  await screen.put(`],${JSON.stringify(others).slice(1)}\n`)
}

function asJson(vector: Float32Array): string {
  return JSON.stringify(Array.from(vector, shortFloat))
}

function asLine(vector: Float32Array): string {
  return `${Array.from(vector, shortFloat).join(' ')}\n`
}

async function writeAll(
  vectors: readonly Float32Array[],
  format: (vector: Float32Array, index: number) => string,
  screen: Screen,
): Promise<void> {
  let piece = ''
  for (const [index, vector] of vectors.entries()) {
    piece += format(vector, index)
    if (piece.length < PIECE_CHARACTERS) continue
    await screen.put(piece)
    piece = ''
  }
  await screen.put(piece)
}

/** The shortest decimal number near a float: nine digits name each 32-bit float exactly. */
function shortFloat(value: number): number {
  return Number(value.toPrecision(9))
}
