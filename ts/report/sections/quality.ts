import { integer, percent, significant } from '../../format.js'
import type { Quality } from '../../quality/quality.js'
import type { ReportData } from '../data.js'
import { html, type Content, type Markup } from '../page/html.js'
import { section, table } from '../page/table.js'

/** Quality before and after, or the reason why there is none. */
export function qualitySection({ quality, qualityMissing }: ReportData): Markup {
  const title = 'Quality before and after'
  if (quality === undefined) {
    return section('quality', title, sentence(qualityMissing ?? 'quality was not measured'), undefined)
  }
  const heads = [
    { text: 'measure' },
    { text: 'before', number: true },
    { text: 'after', number: true },
    { text: 'change', number: true },
  ]
  const notes = [...new Set([...quality.original.notes, ...quality.small.notes])]
  return section('quality', title, lead(quality), [
    table('Quality of the original and of the result', heads, rows(quality)),
    ...notes.map(note => html`<p class="note">${note}</p>`),
  ])
}

function lead(quality: Quality): Content {
  const { measuredOn, original, sentences, onCalibrationText } = quality
  const amounts = [
    original.tokens !== undefined ? `${integer(original.tokens)} predicted tokens` : '',
    original.pairs !== undefined ? `${integer(original.pairs)} pairs` : '',
    sentences !== undefined ? `${integer(sentences)} sentences` : '',
  ].filter(amount => amount !== '')
  const warning = onCalibrationText
    ? html` <strong class="warning">Calibration saw the same text, so these numbers flatter.</strong>`
    : undefined
  return html`Both models on <span dir="auto">${measuredOn}</span>: ${amounts.join(', ')}.${warning}`
}

function rows(quality: Quality): Content[][] {
  const { original, small, kl, topTokenAgreement, meanCosine } = quality
  const found: Content[][] = []
  const both = (
    name: string,
    key: 'perplexity' | 'nll' | 'spearman',
    change: Change,
    words: string,
  ): void => {
    const [before, after] = [original[key], small[key]]
    if (before === undefined || after === undefined) return
    found.push([named(name, words), significant(before, 4), significant(after, 4), change(before, after)])
  }
  const one = (name: string, value: string, words: string): void =>
    void found.push([named(name, words), '', value, ''])
  both('Perplexity', 'perplexity', inPercent, 'How surprised the model is by the text: lower is better')
  both('Negative log likelihood', 'nll', difference, 'Nats a token, the logarithm of the perplexity')
  both('Spearman', 'spearman', difference, 'Agreement with the scores of people; 1 is perfect')
  if (kl !== undefined) {
    one('KL divergence', significant(kl, 3), 'Nats a token from original to result; 0 is the same')
  }
  if (topTokenAgreement !== undefined) {
    one('Same top token', percent(topTokenAgreement), 'Share of places where both expect the same next token')
  }
  if (meanCosine !== undefined) {
    one(
      'Mean cosine',
      significant(meanCosine, 3),
      'Of the old and the new vector of a sentence; 1 is the same',
    )
  }
  return found
}

function named(name: string, words: string): Markup {
  return html`${name} <small>${words}</small>`
}

type Change = (before: number, after: number) => string

const inPercent: Change = (before, after) =>
  after < 2 * before ? signed((after / before - 1) * 100, 1, ' %') : `× ${significant(after / before, 3)}`
const difference: Change = (before, after) => signed(after - before, 3, '')

function signed(value: number, decimals: number, unit: string): string {
  const digits = Math.abs(value).toFixed(decimals)
  return Number(digits) === 0 ? `±0${unit}` : `${value < 0 ? '−' : '+'}${digits}${unit}`
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}
