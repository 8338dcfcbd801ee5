import type { FilledOptions, PlannedTensor, PlanReport } from '../../generated/index.js'
import type { Screen } from '../screen.js'
import { collapse } from './collapse.js'
import { budget, bytes, duration, integer, percent, plural, significant, textUse } from '../../format.js'
import { facts, notes, table, underBlocks, withoutWeight } from './table.js'

/** The options in one line of words. */
export function describe(options: FilledOptions): string {
  const parts = [options.method]
  if (options.sparsity) parts.push(`${percent(options.sparsity)} removed`)
  if (options.pattern && options.pattern !== 'unstructured') parts.push(`pattern ${options.pattern}`)
  const width = budget(options)
  parts.push(width ?? (options.bits === 16 ? 'floats kept' : `${options.bits} bits`))
  const hasGroups = options.method !== 'entropy' && (width !== undefined || options.bits !== 16)
  if (hasGroups) parts.push(options.groupSize === 0 ? 'whole rows' : `groups of ${options.groupSize}`)
  if (options.blend > 0) parts.push(`blend ${options.blend}`)
  const rules = options.rules?.length ?? 0
  if (rules > 0) parts.push(plural(rules, 'rule'))
  return parts.join(', ')
}

function calibration({ tokens, text }: PlanReport): string {
  if (tokens === 0) return 'none'
  return text === undefined ? `at most ${integer(tokens)} tokens` : textUse(tokens, text)
}

/** Shows what would be done. `all`: every tensor has a row; else those that are kept are one. */
export function showPlan(model: string, plan: PlanReport, screen: Screen, all = false): void {
  const { options } = plan
  screen.line(`${screen.colors.bold(model)}  ${plan.architecture}`)
  screen.line()
  facts(screen, [
    ['how', describe(options)],
    ['before', bytes(plan.inputBytes)],
    ['after', bytes(plan.outputBytes), `${significant(plan.inputBytes / plan.outputBytes, 3)} times smaller`],
    ['bits per weight', significant(plan.bitsPerWeight, 3), 'target matrices'],
    ['calibration', calibration(plan)],
    [
      'peak memory',
      bytes(plan.peakMemoryBytes),
      plan.spillsActivations ? 'activations go through the disk' : '',
    ],
    ['disk', bytes(plan.diskBytes), 'journal and result together, at most'],
    [
      'time',
      plan.seconds === undefined ? 'not foreseen' : `about ${duration(plan.seconds)}`,
      `${significant(plan.flops / 1e9, 3)} GFLOP`,
    ],
  ])
  screen.line()
  showTensors(plan, all, screen)
  notes(screen, plan.notes)
}

const COLUMNS = [
  { head: 'tensor' },
  { head: 'role' },
  { head: 'count', right: true },
  { head: 'before', right: true },
  { head: 'after', right: true },
  { head: 'bits', right: true },
  { head: 'what' },
] as const

function showTensors({ tensors }: PlanReport, all: boolean, screen: Screen): void {
  const rows = all ? tensors.map(tensor => row(tensor.name, [tensor])) : grouped(tensors)
  table(screen, COLUMNS, rows, all ? 'whole' : 'broken')
  if (!all) screen.line(screen.colors.dim(`  ${plural(tensors.length, 'tensor')}; --all lists each`))
}

/** What alike tensors of all blocks become, then all that is kept as it is. */
function grouped(tensors: readonly PlannedTensor[]): string[][] {
  const goesAlong = ({ part, rule }: PlannedTensor): boolean => part === 'kept' && rule === undefined
  const groups = collapse(
    withoutWeight(tensors.filter(tensor => !goesAlong(tensor))),
    ({ shape, part, method, sparsity, bits, rule, why }) => [
      shape.join('x'),
      part,
      method ?? '',
      `${sparsity}`,
      `${bits}`,
      `${rule}`,
      why ?? '',
    ],
  )
  const rows = underBlocks(groups, ({ items }, name) => row(name, items))
  const kept = tensors.filter(goesAlong)
  // Why some of them are kept is in the notes.
  if (kept.length > 0) rows.push([...row('everything else', kept).slice(0, -1), 'kept'])
  return rows
}

function row(name: string, items: readonly PlannedTensor[]): string[] {
  const [first] = items
  const sum = (key: 'inputBytes' | 'outputBytes'): string =>
    bytes(items.reduce((total, tensor) => total + tensor[key], 0))
  return [
    name,
    first?.role ?? '',
    `${items.length}`,
    sum('inputBytes'),
    sum('outputBytes'),
    bitsOf(items),
    whatOf(first),
  ]
}

function whatOf(tensor: PlannedTensor | undefined): string {
  if (tensor === undefined) return ''
  const rule = tensor.rule === undefined ? '' : `, rule ${tensor.rule + 1}`
  // Why is in the notes.
  if (tensor.part === 'dead') return 'left out'
  const why = tensor.why === undefined ? '' : `: ${tensor.why}`
  if (tensor.method === undefined) return `kept${rule}${why}`
  return `${tensor.method}${tensor.sparsity === 0 ? '' : ` ${percent(tensor.sparsity)}`}${rule}`
}

/** The width of a code, or bits a weight where the method spends them as it sees fit. */
function bitsOf(items: readonly PlannedTensor[]): string {
  const [first] = items
  if (first?.bits === undefined) return ''
  if (first.method !== 'entropy') return `${first.bits}`
  const bytesOut = items.reduce((sum, { outputBytes }) => sum + outputBytes, 0)
  const weights = items.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  return ((8 * bytesOut) / weights).toFixed(1)
}
