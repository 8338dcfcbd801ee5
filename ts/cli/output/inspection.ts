import type { Inspection } from '../../generated/index.js'
import type { Screen } from '../screen.js'
import { bytes, integer } from '../../format.js'
import { collapse } from './collapse.js'
import { facts, notes, table } from './table.js'

/** Shows what is in a model; tensors that differ in the number of their block alone share a row. */
export function showInspection(model: string, result: Inspection, screen: Screen): void {
  screen.line(`${screen.colors.bold(model)}  ${result.form}, ${bytes(result.bytes)}`)
  screen.line()
  facts(screen, [
    [
      'architecture',
      result.architecture,
      result.known ? '' : 'not known to kerf: only rtn and magnitude work',
    ],
    ['weights', integer(result.parameters), `${integer(result.targetParameters)} in target matrices`],
    ...shape(result),
    ['other files', result.sidecars.join(', ') || 'none'],
  ])
  screen.line()
  const groups = collapse(result.tensors, tensor => [
    tensor.shape.join('x'),
    tensor.dtype,
    tensor.part,
    tensor.stored,
  ])
  const rows = groups.map(({ name, items }) => {
    const first = items[0]
    const sum = items.reduce((total, tensor) => total + tensor.bytes, 0)
    const shape = first?.shape.join(' x ') ?? ''
    return [
      name,
      `${items.length}`,
      shape,
      first?.dtype ?? '',
      bytes(sum),
      first?.part ?? '',
      first?.stored ?? '',
    ]
  })
  table(
    screen,
    [
      { head: 'tensor' },
      { head: 'count', right: true },
      { head: 'shape', right: true },
      { head: 'dtype' },
      { head: 'bytes', right: true },
      { head: 'part' },
      { head: 'stored' },
    ],
    rows,
  )
  notes(screen, result.notes)
}

function shape({ blocks, hidden, maxContext }: Inspection): [string, string, string?][] {
  if (blocks === 0) return []
  return [['blocks', `${blocks}`, `width ${integer(hidden)}, context ${integer(maxContext)}`]]
}
