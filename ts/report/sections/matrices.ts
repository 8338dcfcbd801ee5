import { percent, significant } from '../../format.js'
import type { LayerReport } from '../../generated/index.js'
import type { ReportData } from '../data.js'
import { html, type Content, type Markup } from '../page/html.js'
import { section, table, type Head } from '../page/table.js'

const HEADS: readonly Head[] = [
  { text: 'matrix' },
  { text: 'block', number: true },
  { text: 'role' },
  { text: 'shape', number: true },
  { text: 'method' },
  { text: 'removed', number: true },
  { text: 'bits', number: true },
  { text: 'bits per weight', number: true },
  { text: 'output error', number: true },
  { text: 'weight error', number: true },
]

/** Every compressed matrix with all that is known of it. */
export function matricesSection({ report }: ReportData): Markup {
  const all = [...report.embeddings, ...report.layers]
  return section(
    'matrices',
    'All matrices',
    undefined,
    html`<details>
      <summary>${all.length} matrices in the order in which they were solved</summary>
      ${table('All matrices', HEADS, all.map(row))}
    </details>`,
  )
}

function row(layer: LayerReport): Content[] {
  const { name, block, role, shape, method, sparsity, bits, bitsPerWeight } = layer
  const output = layer.relativeOutputError
  return [
    name,
    block,
    role,
    `${shape[0]} × ${shape[1]}`,
    method,
    percent(sparsity),
    bits,
    significant(bitsPerWeight, 3),
    output === undefined ? '' : significant(output, 3),
    significant(layer.relativeWeightError, 3),
  ]
}
