// What docs/what-to-expect.md says before its tables: what one-shot compression does to models with much and with little to spare.
import { fixed, table } from '../lib/table.mjs'
import { encoderQuality, languageQuality, megabytes, size } from './grid-tables.mjs'

const CALIBRATIONS = {
  sample: 'what ships with kerf',
  wiki: 'other articles of the encyclopedia',
  novels: 'other novels',
}

/** By how many percent the perplexity of a text rose. */
const rise = ({ original, small }) => 100 * (small.perplexity / original.perplexity - 1)

const percent = comparison => `${rise(comparison).toFixed(rise(comparison) < 9.95 ? 1 : 0)} %`

const ofPreset = (rows, preset) => rows.find(row => row.preset === preset && !row.calibration)

/** What a run said of its own result, without its numbers. */
const verdict = row => row.results[0].report.measured?.summary.replace(/ \(.*$/s, '') ?? 'not measured: rounded without text'

/** What a reader should know before the choice of a size, in sentences of measured numbers. */
export function beforeYouChoose({ real, sentences, texts }) {
  const both = row => row.results[0].comparisons.map(percent).join(' and ')
  const of = preset => both(ofPreset(real, preset))
  const seventy = real.find(row => row.args.includes('0.7'))
  const like = kind => real.find(row => row.preset === 'small' && row.calibration === kind).results[0].comparisons
  return [
    '## Before you choose',
    'All of this is without teaching ([what that brings](teaching.md)). What it costs depends on how much a model has to spare.',
    [
      `- **A small language model has little.** SmolLM2-135M was trained on 2,000 billion tokens, and uses what it has. On an encyclopedia and on novels\n` +
        `  its perplexity rises by ${of('light')} with \`light\`, ${of('compact')} with \`compact\`, ${of('small')} with \`small\`, ${of('tiny')} with\n` +
        `  \`tiny\`, and ${both(seventy)} with 70 % removed and 4 bits. With \`tiny\` every paragraph has mistakes, at 70 % it writes\n` +
        `  no sense. Stay at \`light\` or \`compact\`.`,
      `- **A sentence encoder has more.** MiniLM keeps its ranking down to 2 bits (Spearman ${fixed(sentences[0].comparison.original.spearman)} before, ` +
        `${fixed(ofPreset(sentences, 'tiny').comparison.small.spearman)} with \`tiny\`),\n` +
        `  but its vectors move (cosine ${fixed(ofPreset(sentences, 'tiny').comparison.meanCosine)}): old and new ones do not belong in one index.`,
      `- **A model that was trained on little has most.** classics-6M, trained on few books, goes from ${fixed(texts[0].comparison.original.perplexity, 1)} to ` +
        `${languageQuality(ofPreset(texts, 'tiny'))} with \`tiny\`.`,
      `- **Larger models of a family lose less**, as the papers of GPTQ and SparseGPT report; none was measured here.`,
      `- **Text like your own matters more the smaller the result.** With \`small\` SmolLM2 loses ${like('sample').map(percent).join(' and ')} calibrated on what ships with kerf,\n` +
        `  ${like('wiki').map(percent).join(' and ')} on an encyclopedia, ${like('novels').map(percent).join(' and ')} on novels.`,
      `- Every calibrated run measures its result on text that it held out, and says so: believe that sentence, or make it a condition (\`--max-loss\`).`,
    ].join('\n'),
  ].join('\n\n')
}

/** What each name gives on the three models. */
export function presetTable({ real, sentences, texts }) {
  const line = row => {
    const [encoder, small] = [sentences, texts].map(rows => ofPreset(rows, row.preset))
    return [
      `\`${row.preset}\``,
      `${encoderQuality(encoder)}, ${megabytes(encoder.bytes)}`,
      `${languageQuality(small)}, ${megabytes(small.bytes)}`,
      `${row.results[0].comparisons.map(c => fixed(c.small.perplexity, 1)).join(', ')}, ${megabytes(row.bytes)}`,
    ]
  }
  const { comparisons } = ofPreset(real, 'safe').results[0]
  const [encoder, small] = [sentences, texts].map(rows => rows[0].comparison)
  const before = [
    'before',
    `${fixed(encoder.original.spearman)}, 1, ${megabytes(encoder.originalBytes)}`,
    `${fixed(small.original.perplexity, 1)}, ${megabytes(small.originalBytes)}`,
    `${comparisons.map(c => fixed(c.original.perplexity, 1)).join(', ')}, ${megabytes(comparisons[0].originalBytes)}`,
  ]
  const rows = real.filter(row => row.preset && !row.calibration)
  return [
    '## Sizes by name',
    'MiniLM: Spearman and cosine on STS-B dev, calibrated on STS-B; classics-6M: perplexity on unseen books, calibrated on books; SmolLM2:\n' +
      'perplexity on an encyclopedia and on novels, calibrated on the text that ships with kerf. `light` is what you get without a choice.',
    table([['preset', 'MiniLM', 'classics-6M', 'SmolLM2-135M'], before, ...rows.map(line)]),
  ].join('\n\n')
}

/** The section of the language model with little to spare. */
export function realModel(rows) {
  const [wiki, novels] = rows[0].results[0].comparisons
  const line = row => {
    const { comparisons } = row.results[0]
    const texts = comparisons.map(c => `${fixed(c.small.perplexity, 1)} (${percent(c)}), KL ${fixed(c.kl, 3)}`)
    return [row.way ?? `\`${row.preset}\``, ...texts, size(row), verdict(row)]
  }
  const calibrated = row => {
    const texts = row.results[0].comparisons.map(c => `${fixed(c.small.perplexity, 1)} (${percent(c)})`)
    return [`\`${row.preset}\``, CALIBRATIONS[row.calibration], ...texts]
  }
  return [
    `## A language model with little to spare: SmolLM2-135M-Instruct (${megabytes(wiki.originalBytes)})`,
    `Perplexity (before: ${fixed(wiki.original.perplexity, 1)} and ${fixed(novels.original.perplexity, 1)}) and KL divergence from the original on the first 12 kB of WikiText-2's test set and of\n` +
      'novels, in windows of 512 tokens; calibrated on the text that ships with kerf, which has neither. The last column is what the run itself said.\n' +
      'The presets are of the default quality, the other rows of `--quality fast`.',
    table([
      ['', 'encyclopedia', 'novels', 'bytes, bits a weight', 'the run says'],
      ...rows.filter(row => !row.calibration).map(line),
    ]),
    'What the calibration text does, with `--quality fast`:',
    table([
      ['preset', 'calibrated on', 'encyclopedia', 'novels'],
      ...rows.filter(row => row.calibration).map(calibrated),
    ]),
  ].join('\n\n')
}
