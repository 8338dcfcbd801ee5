import type { Screen } from '../screen.js'

/** About so much text is written at once. */
const PIECE_CHARACTERS = 1 << 16

/** Vectors as lines of numbers with spaces between them. */
export async function showVectors(vectors: readonly Float32Array[], screen: Screen): Promise<void> {
  await writeAll(vectors, vector => `${Array.from(vector, shortFloat).join(' ')}\n`, screen)
}

/** `{"vectors": [...], ...others}` as one line, written in pieces: all of it need not fit into one string. */
export async function vectorsAsJson(
  vectors: readonly Float32Array[],
  others: object,
  screen: Screen,
): Promise<void> {
  const json = (vector: Float32Array, index: number): string =>
    `${index > 0 ? ',' : ''}${JSON.stringify(Array.from(vector, shortFloat))}`
  await screen.put('{"vectors":[')
  await writeAll(vectors, json, screen)
  await screen.put(`],${JSON.stringify(others).slice(1)}\n`)
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
