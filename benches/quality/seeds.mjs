// Calibration sentences of a seed: 0 is the file that the rivals were measured with, any other seed draws as many from the training pairs.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratch, sharedPath } from '../lib/paths.mjs'

const SENTENCES = 512

/** Path of the calibration text of a seed; no sentence of the CSV file `dev` is in one that is drawn. */
export function sentencesOfSeed(seed, dev) {
  if (seed === 0) return sharedPath('text', 'stsb-calibration-512.txt')
  const held = new Set(sentences(dev))
  const train = sentences(sharedPath('tasks', 'stsb', 'stsb-en-train.csv'))
  const candidates = [...new Set(train)].filter(sentence => sentence && !held.has(sentence))
  const path = join(scratch('quality'), `stsb-calibration-seed-${seed}.txt`)
  writeFileSync(path, `${draw(candidates, SENTENCES, seed).join('\n')}\n`)
  return path
}

/** The first two columns of a pairs file, each sentence on one line. */
function sentences(path) {
  const rows = parseCsv(readFileSync(path, 'utf8'))
  return rows.flatMap(row => row.slice(0, 2)).map(sentence => sentence.replace(/\s+/g, ' ').trim())
}

/** RFC 4180: rows of fields; a quoted field may hold commas, line ends and doubled quotes. */
export function parseCsv(text) {
  const rows = []
  let row = []
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end === ',') continue
    if (row.length > 1 || row[0] !== '') rows.push(row)
    row = []
  }
  return rows
}

/** `count` of the values without repeats: the beginning of a Fisher-Yates shuffle by a seeded generator. */
export function draw(values, count, seed) {
  const next = mulberry32(seed)
  const left = [...values]
  for (let at = 0; at < Math.min(count, left.length); at++) {
    const from = at + Math.floor(next() * (left.length - at))
    ;[left[at], left[from]] = [left[from], left[at]]
  }
  return left.slice(0, count)
}

/** Mulberry32 (Tommy Ettinger): numbers in [0, 1) of a 32-bit seed. */
function mulberry32(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
