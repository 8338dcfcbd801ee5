import type { Inspection, TensorInfo } from '../../generated/index.js'
import type { Screen } from '../screen.js'
import { bytes, integer, plural } from '../../format.js'
import { collapse, type Group } from './collapse.js'
import { asRange, skeleton } from './ranges.js'
import { facts, notes, table, underBlocks, withoutWeight, type Column } from './table.js'

/** What a row says of its tensors, in the order in which columns give way on a narrow screen from the right. */
const COLUMNS: readonly (Column & { cell: (row: Row) => string })[] = [
  { head: 'tensor', cell: ({ name }) => name },
  { head: 'count', right: true, cell: ({ items }) => `${items.length}` },
  { head: 'bytes', right: true, cell: ({ items }) => bytes(sum(items)) },
  { head: 'stored', cell: ({ items }) => storedOf(items) },
  { head: 'shape', right: true, cell: ({ items }) => alike(items, ({ shape }) => shape.join('x')) },
  { head: 'dtype', spare: true, cell: ({ items }) => alike(items, ({ dtype }) => dtype) },
  { head: 'part', spare: true, cell: ({ items }) => alike(items, ({ part }) => part) },
]

/** Tensors that share a row. */
interface Row {
  name: string
  items: readonly TensorInfo[]
}

/**
 * Shows what is in a model: matrices that differ in the number of their block alone share a row, and what is no matrix of the network
 * (norms, biases) is one row. `all`: every tensor has a row.
 */
export function showInspection(model: string, result: Inspection, screen: Screen, all = false): void {
  screen.line(`${screen.colors.bold(model)}  ${result.form}, ${bytes(result.bytes)}`)
  screen.line()
  facts(screen, [
    ['architecture', result.architecture, remarkOf(result)],
    ['weights', integer(result.parameters), `${integer(result.targetParameters)} in target matrices`],
    ...shape(result),
    ['other files', result.sidecars.join(', ') || 'none'],
  ])
  screen.line()
  const columns = COLUMNS.filter(
    ({ head }) => (head !== 'stored' || isPacked(result)) && (head !== 'count' || !all),
  )
  const cells = (row: Row): string[] => columns.map(({ cell }) => cell(row))
  const rows = all
    ? result.tensors.map(tensor => cells({ name: tensor.name, items: [tensor] }))
    : grouped(result.tensors, cells)
  table(screen, columns, rows, all ? 'whole' : 'broken')
  if (!all) screen.line(screen.colors.dim(`  ${plural(result.tensors.length, 'tensor')}; --all lists each`))
  notes(screen, result.notes)
}

/** The matrices by their place in a block, then all else as one row; all of them where nothing is known to be a matrix. */
function grouped(tensors: readonly TensorInfo[], cells: (row: Row) => string[]): string[][] {
  const isMatrix = ({ part }: TensorInfo): boolean => part !== 'other'
  const matrices = tensors.filter(isMatrix)
  const shown = matrices.length > 0 ? matrices : tensors
  const others = tensors.filter(tensor => matrices.length > 0 && !isMatrix(tensor))
  const groups = collapse(withoutWeight(shown), ({ shape, dtype, part, stored }) => [
    shape.join('x'),
    dtype,
    part,
    skeleton(stored),
  ])
  const rows = underBlocks(groups, ({ items }: Group<TensorInfo>, name) => cells({ name, items }))
  if (others.length > 0) rows.push(cells({ name: 'everything else', items: others }))
  return rows
}

/** Forms that kerf reads; another is the scheme of the program that quantized the weights. */
const FORMS: readonly string[] = ['safetensors', 'kerf', 'compressed-tensors', 'gguf']

function remarkOf({ known, form }: Inspection): string {
  if (known) return ''
  if (!FORMS.includes(form)) return 'quantized by another program: kerf shows it, and takes the original'
  return 'not known to kerf: only rtn and magnitude work'
}

/** Whether anything is stored otherwise than as plain numbers. */
function isPacked({ tensors }: Inspection): boolean {
  return tensors.some(({ stored }) => stored !== 'plain')
}

/** How they are stored; that a container is of kerf its form says. */
function storedOf(items: readonly TensorInfo[]): string {
  const kinds = new Set(items.map(({ stored }) => skeleton(stored)))
  return kinds.size === 1 ? asRange(items.map(({ stored }) => stored.replace(/^kerf /, ''))) : ''
}

/** What all of them have; nothing if they differ. */
function alike(items: readonly TensorInfo[], of: (tensor: TensorInfo) => string): string {
  const all = new Set(items.map(of))
  return all.size === 1 ? ([...all][0] ?? '') : ''
}

function sum(items: readonly TensorInfo[]): number {
  return items.reduce((total, tensor) => total + tensor.bytes, 0)
}

function shape({ blocks, hidden, maxContext }: Inspection): [string, string, string?][] {
  if (blocks === 0) return []
  return [['blocks', `${blocks}`, `width ${integer(hidden)}, context ${integer(maxContext)}`]]
}
