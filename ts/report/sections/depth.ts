import { percent, significant } from '../../format.js'
import type { LayerReport } from '../../generated/index.js'
import { depthChart, type Depth, type Line } from '../charts/depth.js'
import { looksOf } from '../charts/series.js'
import type { ReportData } from '../data.js'
import { html, type Content, type Markup } from '../page/html.js'
import { section } from '../page/table.js'

/** A measure of one matrix. */
interface Measure {
  id: string
  title: string
  words: string
  of: (layer: LayerReport) => number | undefined
  log: boolean
  format: (value: number) => string
  /** On the axis, where the chart needs fewer digits. */
  short: (value: number) => string
  /** What differs by less than this is the same to a reader. */
  least: number
}

const plain = (value: number): string => String(Number(value.toPrecision(3)))

const BITS: Measure = {
  id: 'bits',
  title: 'Bits per weight',
  words: 'bits per weight',
  of: layer => layer.bitsPerWeight,
  log: false,
  format: value => significant(value, 3),
  short: plain,
  least: 0.005,
}

const SPARSITY: Measure = {
  id: 'sparsity',
  title: 'Sparsity',
  words: 'removed',
  of: layer => layer.sparsity,
  log: false,
  format: percent,
  short: percent,
  least: 0.0025,
}

function errorOf(layers: readonly LayerReport[]): Measure {
  const isOutput = layers.some(layer => layer.relativeOutputError !== undefined)
  const what = isOutput ? 'output error' : 'weight error'
  return {
    id: 'error',
    title: `Relative ${what}`,
    words: `relative ${what}`,
    of: layer => (isOutput ? layer.relativeOutputError : layer.relativeWeightError),
    log: true,
    format: value => significant(value, 3),
    short: plain,
    least: 0,
  }
}

/** Error, bits and sparsity of every matrix over the depth of the network. */
export function depthSection({ report }: ReportData): Markup | undefined {
  const { layers } = report
  if (layers.length === 0) return undefined
  const error = errorOf(layers)
  const lead = error.words.includes('output')
    ? 'The error is the share of the energy of a layer’s outputs that compression changed, on the calibration text.'
    : 'The method looks at the weights alone, so there is no output error: shown is the share of the energy of the weights that compression changed.'
  const charts = [error, BITS, SPARSITY].map(measure => chartOf(measure, layers))
  return section('depth', 'Over the depth of the network', lead, charts)
}

function chartOf(measure: Measure, layers: readonly LayerReport[]): Content {
  const { of, log, words, title, format } = measure
  const values = layers.flatMap(layer => of(layer) ?? [])
  const drawn = log ? values.filter(value => value > 0) : values
  const [least, most] = [Math.min(...values), Math.max(...values)]
  if (drawn.length === 0 || most - least <= measure.least) {
    const value = drawn.length === 0 ? '0' : format((least + most) / 2)
    return html`<figure class="chart flat">
      <figcaption>${title}</figcaption>
      <p><strong>${value}</strong> in each of the ${layers.length} matrices.</p>
    </figure>`
  }
  const { lines, places, axis } = linesOf(measure, layers)
  const zeros = values.length - drawn.length
  const description =
    `${words} from ${format(least)} to ${format(most)} over ${layers.length} matrices; ` +
    'the table of all matrices at the end of the page has every value'
  const depth: Depth = {
    id: `chart-${measure.id}`,
    title: zeros === 0 ? title : `${title} (${zeros} of ${values.length} are 0 and not drawn)`,
    description,
    lines,
    places,
    axis,
    log,
    format: measure.short,
  }
  return depthChart(depth)
}

/** One line a role over the blocks; matrices without a place in the network are one line in the order of the model. */
function linesOf(
  { of, log, words, format }: Measure,
  layers: readonly LayerReport[],
): Pick<Depth, 'lines' | 'places' | 'axis'> {
  const placed = layers.every(layer => layer.block !== undefined && layer.role !== undefined)
  const blocks = placed ? Math.max(...layers.map(layer => layer.block ?? 0)) + 1 : layers.length
  const roleOf = (layer: LayerReport): string => (placed ? (layer.role ?? '') : 'matrix')
  const looks = looksOf(layers.map(roleOf))
  const lines = [...looks].map(([role, look]): Line => {
    const points = layers.flatMap((layer, index) => {
      const y = of(layer)
      if (roleOf(layer) !== role || y === undefined || (log && y <= 0)) return []
      return [{ x: placed ? (layer.block ?? 0) : index, y, tip: `${layer.name}: ${words} ${format(y)}` }]
    })
    return { name: role, look, points }
  })
  const places = Array.from({ length: blocks }, (_, i) => String(i))
  return { lines, places, axis: placed ? 'block' : 'matrix, in the order of the model' }
}
