// The models of the quality bench: where they and their texts are, and which numbers of a comparison count.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratch, sharedPath } from '../lib/paths.mjs'
import { sentencesOfSeed } from './seeds.mjs'

/** Bytes of classics-valid.txt that make exactly 200 windows of 256 tokens (51,245 tokens with the BOS). */
export const CLASSICS_PREFIX_BYTES = 187466

const excess = ({ original, small }) => small.nll - original.nll

/**
 * MiniLM on the STS-B dev pairs.
 *
 * `scores` are the columns of a table, of `kerf compare --json`; `loss` is what the main score lacks, above zero for a model that
 * lost something, and falls about as an exponential of the bits: so tables compare at equal bytes.
 */
export function sentenceModel() {
  const dev = sharedPath('tasks', 'stsb', 'stsb-en-dev.csv')
  return {
    id: 'MiniLM',
    path: sharedPath('models', 'all-MiniLM-L6-v2'),
    calibration: seed => [
      ...['--calibration', sentencesOfSeed(seed, dev)],
      ...['--tokens', '1000000', '--seed', String(seed)],
    ],
    measure: ['--pairs', dev],
    title: dense =>
      `all-MiniLM-L6-v2, STS-B dev (${dense.small.pairs} pairs), dense Spearman ${dense.original.spearman.toFixed(4)}`,
    scores: [
      { name: 'cosine', digits: 3, of: c => c.meanCosineFirst },
      { name: 'Spearman', digits: 3, of: c => c.small.spearman },
    ],
    loss: { name: '1 - cosine', digits: 3, of: c => 1 - c.meanCosineFirst },
    notes:
      "cosine: mean of first sentences to the dense model's. Calibration: seed 0 is stsb-calibration-512.txt, the others are 512 sentences\n" +
      'drawn from the training pairs. Rivals are of PEERS.md on the same dev sentences and the calibration of seed 0; those marked *test* are\n' +
      'on the STS-B test sentences, which are not here: cosines run about 0.013 higher on dev, and Spearman does not compare.',
  }
}

/** classics-6M on the first 200 windows of 256 tokens of classics-valid.txt. */
export function languageModel() {
  const train = sharedPath('text', 'classics-train.txt')
  return {
    id: 'classics-6M',
    path: sharedPath('models', 'classics-6M'),
    calibration: seed => ['--calibration', train, '--tokens', '16384', '--seed', String(seed)],
    measure: ['--text', validation(), '--context', '256'],
    title: dense =>
      `classics-6M, first 200 windows of 256 tokens (${dense.original.tokens} predictions), dense perplexity ${dense.original.perplexity.toFixed(2)}`,
    scores: [
      { name: 'excess nll', digits: 3, of: excess },
      { name: 'perplexity', digits: 2, of: c => c.small.perplexity },
    ],
    loss: { name: 'excess nll', digits: 3, of: excess },
    notes:
      'excess nll: nats a token above the dense model. Calibration: 64 windows of 256 tokens of classics-train.txt, drawn by the seed.\n' +
      'Rivals are perplexities of PEERS.md on the same windows, one calibration seed, and what they are above its dense 42.14.',
  }
}

function validation() {
  const text = join(scratch('quality'), 'classics-200-windows.txt')
  const valid = readFileSync(sharedPath('text', 'classics-valid.txt'))
  writeFileSync(text, valid.subarray(0, CLASSICS_PREFIX_BYTES))
  return text
}
