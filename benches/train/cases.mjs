// What the pruners are compared on: a model, a task, and what counts. Data of a case that is not named here is the training part's.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratch, sharedPath } from '../lib/paths.mjs'

/** The first bytes of a text, up to the end of a line: a shorter text for models that learn a language. */
function beginning(path, bytes) {
  const file = join(scratch('pruners', 'texts'), `${bytes}.txt`)
  const text = readFileSync(path).subarray(0, bytes).toString()
  writeFileSync(file, text.slice(0, text.lastIndexOf('\n') + 1))
  return file
}

/** What the cases of the sentence encoder share. */
const ofEncoder = () => ({
  model: sharedPath('models', 'all-MiniLM-L6-v2'),
  options: { epochs: 4, 'max-tokens': 64, 'held-out-share': 0.1 },
  digits: 4,
})

/**
 * By name: `model`, `task`, `train` and `test` (paths), `options` of kerf finetune that all pruners share, `test` arguments of kerf eval,
 * and `score(evaluation)`, the larger the better unless `lower`.
 */
export const cases = {
  sst2: () => ({
    title: 'SST-2, all-MiniLM-L6-v2, accuracy on 872 sentences',
    task: 'classification',
    train: sharedPath('tasks', 'sst2', 'train.tsv'),
    test: ['--task', sharedPath('tasks', 'sst2', 'dev.tsv')],
    score: ({ classification }) => classification.accuracy,
    ...ofEncoder(),
  }),
  stsb: () => ({
    title: "STS-B, all-MiniLM-L6-v2, Spearman on dev's pairs",
    task: 'similarity',
    train: sharedPath('tasks', 'stsb', 'stsb-en-train.csv'),
    test: ['--pairs', sharedPath('tasks', 'stsb', 'stsb-en-dev.csv')],
    score: ({ spearman }) => spearman,
    ...ofEncoder(),
  }),
  classics: () => ({
    title: 'Novels, classics-6M, 2 MB read once, perplexity of 200 kB of other novels',
    model: sharedPath('models', 'classics-6M'),
    task: 'language',
    train: beginning(sharedPath('text', 'classics-train.txt'), 2_000_000),
    options: { epochs: 1, 'held-out-share': 0.03 },
    test: ['--text', beginning(sharedPath('text', 'classics-valid.txt'), 200_000)],
    score: ({ perplexity }) => perplexity,
    lower: true,
    digits: 2,
  }),
}
