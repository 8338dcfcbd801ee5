// The models of the quality bench: where they and their texts are, and which numbers of a comparison count.
// `measures` are the texts or tasks that a result is compared on, as arguments of `kerf compare`; the first one is `comparison`.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail, scratch, sharedPath } from '../lib/paths.mjs'
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
    measures: [['--pairs', dev]],
    title: dense =>
      `all-MiniLM-L6-v2, STS-B dev (${dense.small.pairs} pairs), dense Spearman ${dense.original.spearman.toFixed(4)}`,
    scores: [
      { name: 'cosine', digits: 3, of: c => c.meanCosineFirst },
      { name: 'Spearman', digits: 3, of: c => c.small.spearman },
    ],
    loss: { name: '1 - cosine', digits: 3, of: c => 1 - c.meanCosineFirst },
    notes:
      "cosine: mean of first sentences to the dense model's. Calibration: seed 0 is stsb-calibration-512.txt, the others are 512 sentences\n" +
      'drawn from the training pairs. Rivals are the code of their authors on the same dev sentences and the calibration of seed 0; those marked *test* are\n' +
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
    measures: [['--text', validation(), '--context', '256']],
    title: dense =>
      `classics-6M, first 200 windows of 256 tokens (${dense.original.tokens} predictions), dense perplexity ${dense.original.perplexity.toFixed(2)}`,
    scores: [
      { name: 'excess nll', digits: 3, of: excess },
      { name: 'perplexity', digits: 2, of: c => c.small.perplexity },
    ],
    loss: { name: 'excess nll', digits: 3, of: excess },
    notes:
      'excess nll: nats a token above the dense model. Calibration: 64 windows of 256 tokens of classics-train.txt, drawn by the seed.\n' +
      'Rivals are perplexities of the code of their authors on the same windows, one calibration seed, and what they are above its dense 42.14.',
  }
}

function validation() {
  const text = join(scratch('quality'), 'classics-200-windows.txt')
  const valid = readFileSync(sharedPath('text', 'classics-valid.txt'))
  writeFileSync(text, valid.subarray(0, CLASSICS_PREFIX_BYTES))
  return text
}

/** Bytes of each text that SmolLM2 is measured on, and of the encyclopedia that it is calibrated on: articles apart from the former. */
const REAL_BYTES = 12_000
const WIKI_CALIBRATION = [600_000, 1_000_000]

/**
 * SmolLM2-135M-Instruct, which ../shared/tools/smollm2.py makes (`KERF_SMOLLM2`: its folder), on an encyclopedia (`KERF_WIKITEXT`: the file
 * wiki.test.raw of WikiText-2 raw) and on novels, each calibrated as the row says: on the text that ships with kerf, or on either kind.
 */
export function realLanguageModel() {
  const path = named('KERF_SMOLLM2', 'the folder that ../shared/tools/smollm2.py makes', 'model.safetensors')
  const wiki = readFileSync(named('KERF_WIKITEXT', 'wiki.test.raw of WikiText-2 raw'))
  const novels = readFileSync(sharedPath('text', 'classics-valid.txt'))
  const text = (name, bytes) => {
    const file = join(scratch('quality'), name)
    writeFileSync(file, bytes)
    return file
  }
  const held = ['wiki', 'novels'].map((kind, i) =>
    text(`real-${kind}.txt`, lines([wiki, novels][i], 0, REAL_BYTES)),
  )
  const calibrations = {
    sample: [],
    wiki: ['--calibration', text('real-wiki-calibration.txt', lines(wiki, ...WIKI_CALIBRATION))],
    novels: ['--calibration', sharedPath('text', 'classics-train.txt')],
  }
  return {
    id: 'SmolLM2-135M',
    path,
    calibration: (_seed, row) => calibrations[row.calibration ?? 'sample'],
    measures: held.map(file => ['--text', file, '--context', '512']),
    scores: [{ name: 'excess nll', digits: 3, of: excess }],
    loss: { name: 'excess nll', digits: 3, of: excess },
  }
}

/** What an environment variable names, or the end of the bench. */
function named(variable, what, inside = '') {
  const path = process.env[variable]
  if (path !== undefined && existsSync(join(path, inside))) return path
  return fail(`${variable} has to name ${what}`)
}

/** The whole lines of `bytes[from..to]`. */
function lines(bytes, from, to) {
  const start = from === 0 ? 0 : bytes.indexOf(10, from) + 1
  return bytes.subarray(start, bytes.lastIndexOf(10, to) + 1)
}
