/** Another vector of a list, and how near it is. */
export interface Neighbour {
  index: number
  cosine: number
}

/** The nearest other vector of a list; `undefined` if there is no other. */
export function nearest(vectors: readonly Float32Array[], index: number): Neighbour | undefined {
  const from = vectors[index]
  let best: Neighbour | undefined
  for (const [other, vector] of vectors.entries()) {
    if (other === index || from === undefined) continue
    const found = cosine(from, vector)
    if (best === undefined || found > best.cosine) best = { index: other, cosine: found }
  }
  return best
}

/** Cosine of two vectors of the same length; 0 if one of them is all zeros. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0]
  a.forEach((x, i) => {
    const y = b[i] ?? 0
    dot += x * y
    aa += x * x
    bb += y * y
  })
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb)
}

/** Mean cosine of two lists of vectors, pair by pair. */
export function meanCosine(before: readonly Float32Array[], after: readonly Float32Array[]): number {
  const sum = before.reduce((total, vector, i) => total + cosine(vector, after[i] ?? new Float32Array()), 0)
  return sum / before.length
}
