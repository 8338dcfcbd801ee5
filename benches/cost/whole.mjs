// From one block to the whole model.
//
// Blocks are alike, so what is done block by block is multiplied. The probe is not: how many tokens it measures on depends on the number
// of matrices, and how far they go on where a matrix lies. Its flops follow from shapes; the same formula must give what the engine
// counted for the model that was run, or the bench fails.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail, root } from '../lib/paths.mjs'

const [HIDDEN, MLP, VOCAB] = [4096, 11008, 32000]
const MATRICES = 7
const WINDOW = 2048
const PROBE = {
  solvedTokens: constant('SOLVED_TOKENS'),
  measuredTokens: constant('MEASURED_TOKENS'),
  numbers: constant('MEASURED_NUMBERS'),
  leastTokens: constant('LEAST_TOKENS'),
}

/** A number of the engine's source, `2048` or `1 << 27`. */
function constant(name) {
  const file = join('crates', 'compress', 'src', 'job', 'probe.rs')
  const source = readFileSync(join(root, file), 'utf8')
  const found = new RegExp(`const ${name}: usize = (\\d+)(?: << (\\d+))?;`).exec(source)
  return found ? Number(found[1]) * 2 ** Number(found[2] ?? 0) : fail(`${file} has no ${name}`)
}

/** Flops of a token through the matrices of each shared input: q, k and v; o; gate and up; down. */
const PARTS = [3 * HIDDEN * HIDDEN, HIDDEN * HIDDEN, 2 * HIDDEN * MLP, HIDDEN * MLP].map(n => 2 * n)
/** Matrices that read each shared input. */
const READERS = [3, 1, 2, 1]
const sum = values => values.reduce((a, b) => a + b, 0)
const BLOCK = sum(PARTS)

/** Tokens on which the probe measures. */
export function measuredTokens(tokens, blocks) {
  const models = MATRICES * blocks + 1
  const room = Math.floor(Math.floor(PROBE.numbers / models) / (3 * HIDDEN))
  return Math.min(Math.floor(tokens / 4), PROBE.measuredTokens, Math.max(room, PROBE.leastTokens))
}

/** Flops of the matrix products of the tokens of a probe, in a model of `blocks` blocks of which the first `probed` are probed. */
export function probeFlops(tokens, blocks, probed) {
  const measured = measuredTokens(tokens, probed)
  const solved = Math.ceil(PROBE.solvedTokens / WINDOW) * WINDOW // whole sequences
  const dense = (measured + solved) * blocks * BLOCK
  // A changed model begins where its matrix lies.
  const own = sum(READERS.map((readers, input) => readers * sum(PARTS.slice(input))))
  const after = sum(Array.from({ length: probed }, (_, block) => MATRICES * (blocks - 1 - block) * BLOCK))
  return dense + measured * (probed * own + after)
}

/** Flops of the logits by which a probe of the whole model tells how far each changed model is: those of both, each time. */
export function distanceFlops(tokens, blocks) {
  return MATRICES * blocks * measuredTokens(tokens, blocks) * 2 * (2 * HIDDEN * VOCAB)
}
