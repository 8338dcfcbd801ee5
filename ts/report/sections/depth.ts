import { percent, significant } from '../../format.js'
import type { LayerReport } from '../../generated/index.js'
import { depthChart, legend, type Depth, type Line } from '../charts/depth.js'
import { linearScale, type LinearScale } from '../charts/scale.js'
import { looksOf, type Look } from '../charts/series.js'
import type { ReportData } from '../data.js'
import { html, type Markup } from '../page/html.js'
import { section } from '../page/table.js'

/** A measure of one matrix. */
interface Measure extends Pick<Depth, 'id' | 'title' | 'wide'> {
  scale: 'log' | ((values: readonly number[]) => LinearScale)
  words: string
  of: (layer: LayerReport) => number | undefined
  format: (value: number) => string
  /** Said after the range of values. */
  aside?: string
  /** On the axis, where fewer digits are enough. */
  short: (value: number) => string
}

const plain = (value: number): string => String(Number(value.toPrecision(3)))

const BITS: Measure = {
  id: 'chart-bits',
  title: 'Bits per weight',
  words: 'bits per weight',
  of: layer => layer.bitsPerWeight,
  scale: linearScale,
  wide: false,
  format: value => significant(value, 3),
  short: plain,
}

const SPARSITY: Measure = {
  id: 'chart-sparsity',
  title: 'Sparsity',
  words: 'removed',
  of: layer => layer.sparsity,
  scale: () => ({ max: 1, interval: 0.25 }),
  wide: false,
  format: percent,
  short: percent,
}

function errorOf(layers: readonly LayerReport[]): Measure {
  const isOutput = layers.some(layer => layer.relativeOutputError !== undefined)
  const what = isOutput ? 'output error' : 'weight error'
  return {
    id: 'chart-error',
    title: `Relative ${what}`,
    words: `relative ${what}`,
    of: layer => (isOutput ? layer.relativeOutputError : layer.relativeWeightError),
    scale: 'log',
    wide: true,
    format: value => significant(value, 3),
    short: plain,
  }
}

/** Matrices by where they are in the network, with the looks of their lines. */
interface Network {
  layers: readonly LayerReport[]
  looks: ReadonlyMap<string, Look>
  /** Whether every matrix has a block and a role; else all are one line in the order of the model. */
  placed: boolean
}

/** Error, bits and sparsity of every matrix over the depth of the network. */
export function depthSection({ report }: ReportData): Markup | undefined {
  const { layers } = report
  if (layers.length === 0) return undefined
  const error = errorOf(layers)
  const lead = error.words.includes('output')
    ? 'The error is the share of the energy of a layer’s outputs that compression changed, on the calibration text.'
    : 'The method looks at the weights alone, so there is no output error: shown is the share of the energy of the weights that compression changed.'
  // Of a dense format the matrices have other bits than the files.
  const isDense = report.bitsPerWeight > 2 * mean(layers.map(layer => layer.bitsPerWeight))
  const dense = isDense ? `if packed; ${significant(report.bitsPerWeight, 3)} in these files` : undefined
  const placed = layers.every(layer => layer.block !== undefined && layer.role !== undefined)
  const looks = looksOf(layers.map(layer => (placed ? (layer.role ?? '') : 'matrix')))
  const network = { layers, looks, placed }
  return section('depth', 'Over the depth of the network', lead, [
    legend(looks),
    chartOf(error, network),
    html`<div class="pair">
      ${chartOf({ ...BITS, ...(dense !== undefined && { aside: dense }) }, network)}
      ${chartOf(SPARSITY, network)}
    </div>`,
  ])
}

function chartOf(measure: Measure, network: Network): Markup {
  const { of, scale, words, title, format, aside } = measure
  const values = network.layers.flatMap(layer => of(layer) ?? [])
  const remark = [range(values, format), aside].join(' ').trim()
  const zeros = scale === 'log' ? values.filter(value => value <= 0).length : 0
  if (zeros === values.length) {
    return html`<figure class="chart">
      <figcaption>${title} <span>${remark}</span></figcaption>
    </figure> `
  }
  const hidden = zeros === 0 ? '' : `; ${zeros} of ${values.length} are 0 and not drawn`
  return depthChart({
    ...measure,
    ...linesOf(measure, network),
    remark: `${remark}${hidden}`,
    scale: scale === 'log' ? scale : scale(values),
    description: `${words}: ${remark}${hidden}. The table of all matrices at the end of the page has every value.`,
    format: measure.short,
  })
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function range(values: readonly number[], format: (value: number) => string): string {
  const [least, most] = [format(Math.min(...values)), format(Math.max(...values))]
  if (least !== most) return `${least} to ${most}`
  return values.length === 1 ? least : `${least} in all ${values.length} matrices`
}

function linesOf(
  { of, scale, words, format }: Measure,
  { layers, looks, placed }: Network,
): Pick<Depth, 'lines' | 'places' | 'axis'> {
  const blocks = placed ? Math.max(...layers.map(layer => layer.block ?? 0)) + 1 : layers.length
  const lines = [...looks].map(([name, look]): Line => {
    const points = layers.flatMap((layer, index) => {
      const y = of(layer)
      if ((placed && layer.role !== name) || y === undefined || (scale === 'log' && y <= 0)) return []
      return [{ x: placed ? (layer.block ?? 0) : index, y, tip: `${layer.name}: ${words} ${format(y)}` }]
    })
    return { name, look, points }
  })
  const places = Array.from({ length: blocks }, (_, i) => String(i))
  return { lines, places, axis: placed ? 'block' : 'matrix, in the order of the model' }
}
