// npm run bench:quality -- --grid: what each share of removed weights costs at each number of bits, and what a budget of bits costs
// without a share; writes docs/what-to-expect.md.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { machine } from '../lib/machine.mjs'
import { fail, root } from '../lib/paths.mjs'
import { fixed, table } from '../lib/table.mjs'
import { languageModel, sentenceModel } from './models.mjs'
import { begin, measureRows } from './rows.mjs'

const SHARES = [0, 0.5, 0.7, 0.8]
const BITS = [8, 4, 3, 2]
const BUDGETS = ['1.5', '1.75', '2', '2.5', '3', '4']

const megabytes = bytes => `${(bytes / 1e6).toFixed(1)} MB`

const shareRows = SHARES.flatMap(share =>
  BITS.map(bits => ({
    name: `${share} ${bits} bits`,
    args: ['--sparsity', String(share), '--bits', String(bits)],
    share,
    bitsAsked: bits,
  })),
)

const budgetRows = BUDGETS.map(budget => ({
  name: `entropy ${budget} bits`,
  args: ['--method', 'entropy', '--target-bits', budget],
  budget,
}))

/** Writes the document. */
export async function writeGrid(threads, jobs) {
  const how = { seeds: 1, threads }
  const rows = [...shareRows, ...budgetRows]
  const [sentence, language] = [sentenceModel(), languageModel()]
  const work = [sentence, language].map(model => ({ model, rows, how }))
  const watch = await begin(work, jobs)
  const [sentences, texts] = [
    await measure(sentence, rows, how, watch),
    await measure(language, rows, how, watch),
  ]
  const { method } = sentences[0].results[0].report.options
  const parts = [
    '# What to expect',
    `Written by \`npm run bench:quality -- --grid\`: method ${method}, the default; 0 % is quantization alone. Bytes are those of every\n` +
      'file in the folder; bits a weight count codes, tables, scales and headers of the linear layers. Below each table: `--method entropy\n' +
      '--target-bits N`, which chooses zeros and codes itself. Spread over calibration texts: benches/quality/RESULTS.md.',
    aboutSentences(sentences),
    aboutText(texts),
    `${machine()}. Other models lose more or less: measure yours (\`kerf compare\`, or \`kerf compress --report\`).`,
  ]
  const text = `${parts.join('\n\n')}\n`
  writeFileSync(join(root, 'docs', 'what-to-expect.md'), text)
  return text
}

async function measure(model, rows, how, watch) {
  const measured = await measureRows(model, rows, how, watch)
  const bad = measured.find(row => row.failed)
  return bad ? fail(`${model.id} ${bad.name}: ${bad.failed.code} ${bad.failed.message}`) : measured
}

function aboutSentences(rows) {
  const { original } = rows[0].comparison
  return [
    `## A sentence encoder: all-MiniLM-L6-v2 (${megabytes(rows[0].comparison.originalBytes)})`,
    `STS-B dev, Spearman against people (before: ${fixed(original.spearman)}) and cosine of new to old vectors; calibrated on 512 sentences of its training set.`,
    layout(rows, ({ comparison: c }) => `${fixed(c.small.spearman)}, ${fixed(c.meanCosine)}`),
  ].join('\n\n')
}

function aboutText(rows) {
  const { original } = rows[0].comparison
  return [
    `## A language model: classics-6M, a LLaMA of 5.8 million weights (${megabytes(rows[0].comparison.originalBytes)})`,
    `Perplexity on books that it never saw (before: ${fixed(original.perplexity, 1)}). A model this small that was trained on few books has more to spare than its size tells: SmolLM2-135M, trained on 2T tokens, loses far more (see the guide).`,
    layout(rows, ({ comparison: c }) => fixed(c.small.perplexity, 1)),
  ].join('\n\n')
}

function layout(rows, quality) {
  const head = ['removed', ...BITS.map(bits => `${bits} bits`)]
  const find = (share, bits) => rows.find(row => row.share === share && row.bitsAsked === bits)
  const line = cell => share => [
    `${Math.round(share * 100)} %`,
    ...BITS.map(bits => cell(find(share, bits))),
  ]
  const size = ({ bytes, bits }) => `${megabytes(bytes)}, ${fixed(bits, 2)}`
  const budget = row => [row.budget, quality(row), size(row), `${(row.zeros * 100).toFixed(0)} %`]
  return [
    table([head, ...SHARES.map(line(quality))]),
    'Bytes, and bits a weight:',
    table([head, ...SHARES.map(line(size))]),
    'Entropy-constrained, by the bits a weight that it may spend:',
    table([
      ['bits asked', 'quality', 'bytes, bits a weight', 'zeros'],
      ...rows.filter(row => row.budget).map(budget),
    ]),
  ].join('\n\n')
}
