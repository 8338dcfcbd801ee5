import { bytes, percent, significant } from '../../format.js'
import { stackedBars, type Segment } from '../charts/bars.js'
import type { PartBytes, ReportData } from '../data.js'
import { html, type Content, type Markup } from '../page/html.js'
import { section, table } from '../page/table.js'

const LOOKS: Record<PartBytes['part'], Omit<Segment, 'values'>> = {
  target: { name: 'linear layers', color: 'var(--part-0)', onColor: 'var(--on-part-0)' },
  embedding: { name: 'embeddings and head', color: 'var(--part-1)', onColor: 'var(--on-part-1)' },
  other: { name: 'everything else', color: 'var(--part-2)', onColor: 'var(--on-part-2)' },
}

/** Bytes by part, before and after. */
export function partsSection({ parts, report }: ReportData): Markup | undefined {
  const shown = parts?.filter(part => part.before + part.after > 0) ?? []
  if (shown.length === 0) return undefined
  const sums = [report.inputBytes, report.outputBytes]
  const description = shown
    .map(part => `${LOOKS[part.part].name} ${bytes(part.before)} before, ${bytes(part.after)} after`)
    .join('; ')
  const chart = stackedBars({
    id: 'chart-parts',
    title: 'Bytes by part, before and after',
    untitled: true,
    description,
    bars: ['before', 'after'],
    segments: shown.map(part => ({ ...LOOKS[part.part], values: [part.before, part.after] })),
    format: bytes,
  })
  const heads = [
    { text: 'part' },
    { text: 'before', number: true },
    { text: 'after', number: true },
    { text: 'of before', number: true },
  ]
  const row = (name: string, before: number, after: number, bits?: number): Content[] => [
    bits === undefined ? name : html`${name} <small>${significant(bits, 3)} bits per weight</small>`,
    bytes(before),
    bytes(after),
    before === 0 ? '' : percent(after / before),
  ]
  const bits = { target: report.bitsPerWeight, embedding: report.embeddingBitsPerWeight, other: undefined }
  const rows = shown.map(({ part, before, after }) => row(LOOKS[part].name, before, after, bits[part]))
  const lead =
    'Everything else is norms, biases, the tokenizer and the configuration. Masks, scales and headers count with the weights they belong to.'
  return section('parts', 'Bytes by part', lead, [
    chart,
    table('Bytes by part', heads, [...rows, row('all files', sums[0] ?? 0, sums[1] ?? 0)]),
  ])
}
