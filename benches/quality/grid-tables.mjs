// The tables of docs/what-to-expect.md for two small models: each share of removed weights at each number of bits, and budgets of bits.
import { fixed, table } from '../lib/table.mjs'

/** Bytes as the document shows them. */
export const megabytes = bytes => `${(bytes / 1e6).toFixed(1)} MB`

/** Bytes of all files, and bits a weight of the linear layers. */
export const size = ({ bytes, bits }) => `${megabytes(bytes)}, ${fixed(bits, 2)}`

/** The section of the sentence encoder. */
export function encoderGrid(rows, sizes) {
  const { original, originalBytes } = rows[0].comparison
  return [
    `## A sentence encoder: all-MiniLM-L6-v2 (${megabytes(originalBytes)})`,
    `STS-B dev, Spearman against people (before: ${fixed(original.spearman)}) and cosine of new to old vectors; calibrated on 512 sentences of its\n` +
      `training set. Method ${methodOf(rows)}, which \`--sparsity\` and \`--bits\` take; 0 % is quantization alone.`,
    layout(rows, sizes, encoderQuality),
  ].join('\n\n')
}

/** Spearman and cosine of a row. */
export const encoderQuality = ({ comparison: c }) => `${fixed(c.small.spearman)}, ${fixed(c.meanCosine)}`

/** The section of the small language model. */
export function languageGrid(rows, sizes) {
  const { original, originalBytes } = rows[0].comparison
  return [
    `## A language model with much to spare: classics-6M, a LLaMA of 5.8 million weights (${megabytes(originalBytes)})`,
    `Perplexity on books that it never saw (before: ${fixed(original.perplexity, 1)}). It was trained on few books, so it has more to spare than SmolLM2.`,
    layout(rows, sizes, languageQuality),
  ].join('\n\n')
}

/** Perplexity of a row. */
export const languageQuality = ({ comparison: c }) => fixed(c.small.perplexity, 1)

const methodOf = rows => rows.find(row => row.share === 0).results[0].report.options.method

function layout(rows, { shares, bits }, quality) {
  const head = ['removed', ...bits.map(width => `${width} bits`)]
  const find = (share, width) => rows.find(row => row.share === share && row.bitsAsked === width)
  const line = cell => share => [
    `${Math.round(share * 100)} %`,
    ...bits.map(width => cell(find(share, width))),
  ]
  const budget = row => [row.budget, quality(row), size(row), `${(row.zeros * 100).toFixed(0)} %`]
  return [
    table([head, ...shares.map(line(quality))]),
    'Bytes, and bits a weight:',
    table([head, ...shares.map(line(size))]),
    'Between the presets, `--method entropy --target-bits N`, which chooses zeros and codes itself:',
    table([
      ['bits asked', 'quality', 'bytes, bits a weight', 'zeros'],
      ...rows.filter(row => row.budget).map(budget),
    ]),
  ].join('\n\n')
}
