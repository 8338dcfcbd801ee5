// npm run bench:quality -- --grid: what each share of removed weights costs at each number of bits; writes docs/what-to-expect.md.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kerf } from '../lib/kerf.mjs'
import { machine } from '../lib/machine.mjs'
import { root, scratch, sharedPath } from '../lib/paths.mjs'
import { fixed, table } from '../lib/table.mjs'
import { CLASSICS_PREFIX_BYTES } from './cases.mjs'

const SHARES = [0, 0.5, 0.7, 0.8]
const BITS = [8, 4, 3, 2]

const megabytes = bytes => `${(bytes / 1e6).toFixed(1)} MB`

/** Writes the document. */
export async function writeGrid(threads) {
  const parts = [
    '# What to expect',
    'Written by `npm run bench:quality -- --grid`: method obs, calibrated; 0 % is quantization alone. Bytes are those of every file in\n' +
      'the folder; bits a weight count masks, codes, scales and headers of the linear layers.',
    await sentences(threads),
    await language(threads),
    `${machine()}. Other models lose more or less: measure yours (\`kerf compare\`, or \`kerf compress --report\`).`,
  ]
  const text = `${parts.join('\n\n')}\n`
  writeFileSync(join(root, 'docs', 'what-to-expect.md'), text)
  return text
}

async function sentences(threads) {
  const model = sharedPath('models', 'all-MiniLM-L6-v2')
  const calibration = ['--calibration', sharedPath('text', 'stsb-calibration-512.txt')]
  const pairs = ['--pairs', sharedPath('tasks', 'stsb', 'stsb-en-dev.csv')]
  const rows = await cells({ model, calibration, measure: pairs, threads })
  const { original } = rows[0].scores
  return [
    `## A sentence encoder: all-MiniLM-L6-v2 (${megabytes(rows[0].report.inputBytes)})`,
    `STS-B dev, Spearman against people (before: ${fixed(original.spearman)}) and cosine of new to old vectors; calibrated on 512 sentences of its training set.`,
    layout(rows, ({ scores }) => `${fixed(scores.small.spearman)}, ${fixed(scores.meanCosine)}`),
  ].join('\n\n')
}

async function language(threads) {
  const model = sharedPath('models', 'classics-6M')
  const calibration = ['--calibration', sharedPath('text', 'classics-train.txt')]
  const text = join(scratch('quality'), 'classics-200-windows.txt')
  const valid = readFileSync(sharedPath('text', 'classics-valid.txt'))
  writeFileSync(text, valid.subarray(0, CLASSICS_PREFIX_BYTES))
  const rows = await cells({ model, calibration, measure: ['--text', text], threads })
  const { original } = rows[0].scores
  return [
    `## A language model: classics-6M, a LLaMA of 5.8 million weights (${megabytes(rows[0].report.inputBytes)})`,
    `Perplexity on books that it never saw (before: ${fixed(original.perplexity, 1)}). A model this small has little to spare: larger ones lose less.`,
    layout(rows, ({ scores }) => fixed(scores.small.perplexity, 1)),
  ].join('\n\n')
}

async function cells({ model, calibration, measure, threads }) {
  const rows = []
  for (const share of SHARES) {
    for (const bits of BITS) {
      const out = join(scratch('quality'), 'grid')
      rmSync(out, { recursive: true, force: true })
      const how = ['--sparsity', String(share), '--bits', String(bits), '--threads', threads]
      const { report } = await kerf(['compress', model, '--out', out, ...calibration, ...how])
      const { report: scores } = await kerf(['compare', model, out, ...measure, '--threads', threads])
      rows.push({ share, bits, report, scores })
      process.stderr.write(`${share} ${bits} done\n`)
    }
  }
  return rows
}

function layout(rows, quality) {
  const head = ['removed', ...BITS.map(bits => `${bits} bits`)]
  const line = (name, cell) => share => [
    `${Math.round(share * 100)} %${name}`,
    ...BITS.map(bits => cell(rows.find(row => row.share === share && row.bits === bits))),
  ]
  const size = ({ report }) => `${megabytes(report.outputBytes)}, ${fixed(report.bitsPerWeight, 2)}`
  return [
    table([head, ...SHARES.map(line('', quality))]),
    'Bytes, and bits a weight:',
    table([head, ...SHARES.map(line('', size))]),
  ].join('\n\n')
}
