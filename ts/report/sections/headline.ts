import { budget, bytes, percent, plural, sentence, significant } from '../../format.js'
import type { CompressReport, Options } from '../../generated/index.js'
import type { ReportData } from '../data.js'
import { html, type Markup } from '../page/html.js'
import { tile } from '../page/table.js'
import { headlineOf } from '../../quality/words.js'

/** Name of the model and the four numbers that matter most. */
export function headline(data: ReportData): Markup {
  const { report } = data
  const weights = report.layers.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0)
  return html`<header>
    <p class="brand"><span class="logo" aria-hidden="true">kerf</span> compression report</p>
    <h1 dir="auto">${data.model}</h1>
    <p class="subtitle">${report.architecture} · ${describe(report.options)}</p>
    ${report.measured === undefined
      ? undefined
      : html`<p class="verdict ${report.measured.grade}">${sentence(report.measured.summary)}</p>`}
    <dl class="tiles">
      ${tile('Size', smaller(report), [
        `${solid(bytes(report.inputBytes))} → ${solid(bytes(report.outputBytes))}, all files`,
      ])}
      ${tile('Bits per weight', bits(data, weights), [
        `${count(weights)} weights of the linear layers; masks, scales and headers counted`,
      ])}
      ${tile('Removed', percent(report.sparsity), [
        `of the weights of ${plural(report.layers.length, 'matrix').replace('matrixs', 'matrices')}`,
      ])}
      ${qualityTile(data)}
    </dl>
  </header> `
}

/** A dense format keeps every zero. */
function smaller({ inputBytes, outputBytes }: CompressReport): string {
  const times = inputBytes / outputBytes
  return times < 1.005 ? 'not smaller' : `${significant(times, 3)}× smaller`
}

/** "32 → 2.35" where it is known what the weights were. */
function bits({ report, parts }: ReportData, weights: number): string {
  const before = parts?.find(({ part }) => part === 'target')?.before
  const after = significant(report.bitsPerWeight, 3)
  return before === undefined || weights === 0
    ? after
    : `${Number(((before * 8) / weights).toPrecision(3))} → ${after}`
}

function qualityTile({ quality, report }: ReportData): Markup {
  if (quality !== undefined) {
    const { name, value, remark } = headlineOf(quality)
    return tile(`${name.charAt(0).toUpperCase()}${name.slice(1)}`, value, [remark])
  }
  const { name, value } = medianError(report)
  return tile(name, value, ['median of all matrices; quality itself was not measured'])
}

function medianError({ layers }: CompressReport): { name: string; value: string } {
  const isOutput = layers.some(layer => layer.relativeOutputError !== undefined)
  const errors = layers
    .flatMap(layer => (isOutput ? layer.relativeOutputError : layer.relativeWeightError) ?? [])
    .sort((a, b) => a - b)
  const median = errors[Math.floor(errors.length / 2)]
  const value = median === undefined ? '–' : significant(median, 3)
  return { name: isOutput ? 'Relative output error' : 'Relative weight error', value }
}

function count(weights: number): string {
  const [unit, letter] = weights < 1e6 ? [1e3, 'k'] : weights < 1e9 ? [1e6, 'M'] : [1e9, 'G']
  return solid(`${significant(weights / unit, 3)} ${letter}`)
}

/** A number and its unit stay in one line. */
function solid(text: string): string {
  return text.replaceAll(' ', '\u00a0')
}

function describe(options: Options): string {
  const { method, sparsity, bits, groupSize, pattern, schedule, format } = options
  const parts = [`method ${method}`]
  if (sparsity) parts.push(`${percent(sparsity)} removed`)
  if (pattern !== undefined && pattern !== 'unstructured') parts.push(`pattern ${pattern}`)
  if (schedule !== 'uniform') parts.push(`schedule ${schedule}`)
  const width = budget(options)
  parts.push(width ?? (bits === 16 ? 'survivors kept as floats' : `${bits} bits`))
  const hasGroups = method !== 'entropy' && (width !== undefined || bits !== 16)
  if (hasGroups) parts.push(groupSize === 0 ? 'a scale a row' : `groups of ${groupSize}`)
  parts.push(`written as ${format}`)
  return parts.join(' · ')
}
