// The models of the comparison, with text enough for the most tokens that a quality takes.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratch, sharedPath } from '../lib/paths.mjs'
import { parseCsv } from '../quality/seeds.mjs'

/** Name, folder, calibration text. */
export const models = () => [
  { id: 'MiniLM', path: sharedPath('models', 'all-MiniLM-L6-v2'), calibration: sentences() },
  {
    id: 'classics-6M',
    path: sharedPath('models', 'classics-6M'),
    calibration: sharedPath('text', 'classics-train.txt'),
  },
]

/** All sentences of the STS-B training pairs, one a line. */
function sentences() {
  const rows = parseCsv(readFileSync(sharedPath('tasks', 'stsb', 'stsb-en-train.csv'), 'utf8'))
  const lines = rows.flatMap(row => row.slice(0, 2)).map(text => text.replace(/\s+/g, ' ').trim())
  const path = join(scratch('cost'), 'stsb-train-sentences.txt')
  writeFileSync(path, `${lines.filter(Boolean).join('\n')}\n`)
  return path
}
