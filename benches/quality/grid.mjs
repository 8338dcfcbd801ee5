// npm run bench:quality -- --grid: what each size costs, on an encoder, a language model that has much to spare and one that has little;
// writes docs/what-to-expect.md.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { machine } from '../lib/machine.mjs'
import { fail, root } from '../lib/paths.mjs'
import { beforeYouChoose, presetTable, realModel } from './expectations.mjs'
import { encoderGrid, languageGrid } from './grid-tables.mjs'
import { languageModel, realLanguageModel, sentenceModel } from './models.mjs'
import { begin, measureRows } from './rows.mjs'

const SHARES = [0, 0.5, 0.7, 0.8]
const BITS = [8, 4, 3, 2]
const BUDGETS = ['1.5', '1.75', '2.5']
const PRESETS = ['safe', 'light', 'compact', 'small', 'tiny']

const presetRows = PRESETS.map(preset => ({ name: `preset ${preset}`, args: ['--preset', preset], preset }))

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

const FAST = ['--quality', 'fast']

const way = (name, ...args) => ({ name, args: [...args, ...FAST], way: name })

/** Other ways to a size than by its name. */
const wayRows = [
  way('4 bits, rounded (`--method rtn --bits 4`)', '--method', 'rtn', '--bits', '4'),
  way('4 bits (`--bits 4`)', '--bits', '4'),
  way('half removed (`--sparsity 0.5 --bits 4`)', '--sparsity', '0.5', '--bits', '4'),
  way('70 % removed (`--sparsity 0.7 --bits 4`)', '--sparsity', '0.7', '--bits', '4'),
]

/** The same size by calibration text: what ships with kerf, or text that is like one of the two measured. */
const domainRows = ['compact', 'small'].flatMap(preset =>
  ['sample', 'wiki', 'novels'].map(calibration => ({
    name: `preset ${preset} calibrated on ${calibration}`,
    args: ['--preset', preset, ...FAST],
    preset,
    calibration,
  })),
)

/** Writes the document. */
export async function writeGrid(threads, jobs) {
  const how = { seeds: 1, threads }
  const small = [...presetRows, ...shareRows, ...budgetRows]
  const work = [
    { model: realLanguageModel(), rows: [...presetRows, ...wayRows, ...domainRows], how },
    { model: sentenceModel(), rows: small, how },
    { model: languageModel(), rows: small, how },
  ]
  const watch = await begin(work, jobs)
  const [real, sentences, texts] = [
    await measure(work[0], watch),
    await measure(work[1], watch),
    await measure(work[2], watch),
  ]
  const sizes = { shares: SHARES, bits: BITS }
  const parts = [
    '# What to expect',
    'Written by `npm run bench:quality -- --grid`. Bytes are those of every file in the folder; bits a weight count codes, tables, scales and\n' +
      'headers of the linear layers. Spread over calibration texts, and rivals: benches/quality/RESULTS.md.',
    beforeYouChoose({ real, sentences, texts }),
    presetTable({ real, sentences, texts }),
    realModel(real),
    encoderGrid(sentences, sizes),
    languageGrid(texts, sizes),
    `${machine()}. Other models lose more or less: measure yours (\`kerf compare\`, or \`kerf compress --report\`).`,
  ]
  const text = `${parts.join('\n\n')}\n`
  writeFileSync(join(root, 'docs', 'what-to-expect.md'), text)
  return text
}

async function measure({ model, rows, how }, watch) {
  const measured = await measureRows(model, rows, how, watch)
  const bad = measured.find(row => row.failed)
  return bad ? fail(`${model.id} ${bad.name}: ${bad.failed.code} ${bad.failed.message}`) : measured
}
