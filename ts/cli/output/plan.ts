import type { FilledOptions, PlannedTensor, PlanReport } from '../../generated/index.js'
import type { Screen } from '../screen.js'
import { collapse } from './collapse.js'
import { bytes, duration, integer, percent, plural, significant, textUse } from '../../format.js'
import { facts, notes, table } from './table.js'

/** The options in one line of words. */
export function describe(options: FilledOptions): string {
  const parts = [options.method]
  if (options.sparsity) parts.push(`${percent(options.sparsity)} removed`)
  if (options.pattern && options.pattern !== 'unstructured') parts.push(`pattern ${options.pattern}`)
  parts.push(options.bits === 16 ? 'floats kept' : `${options.bits} bits`)
  if (options.bits !== 16)
    parts.push(options.groupSize === 0 ? 'whole rows' : `groups of ${options.groupSize}`)
  if (options.blend > 0) parts.push(`blend ${options.blend}`)
  const rules = options.rules?.length ?? 0
  if (rules > 0) parts.push(plural(rules, 'rule'))
  return parts.join(', ')
}

function calibration({ tokens, text }: PlanReport): string {
  if (tokens === 0) return 'none'
  return text === undefined ? `at most ${integer(tokens)} tokens` : textUse(tokens, text)
}

/** Shows what would be done. */
export function showPlan(model: string, plan: PlanReport, screen: Screen): void {
  const { options } = plan
  screen.line(`${screen.colors.bold(model)}  ${plan.architecture}: ${describe(options)}`)
  screen.line()
  facts(screen, [
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
  showTensors(plan, screen)
  notes(screen, plan.notes)
}

function showTensors(plan: PlanReport, screen: Screen): void {
  const groups = collapse(plan.tensors, tensor => [
    tensor.shape.join('x'),
    tensor.part,
    tensor.method ?? '',
    `${tensor.sparsity}`,
    `${tensor.bits}`,
    `${tensor.rule}`,
    tensor.why ?? '',
  ])
  const rows = groups.map(({ name, items }) => {
    const first = items[0]
    const sum = (key: 'inputBytes' | 'outputBytes'): string =>
      bytes(items.reduce((total, tensor) => total + tensor[key], 0))
    return [
      name,
      first?.role ?? '',
      `${items.length}`,
      sum('inputBytes'),
      sum('outputBytes'),
      whatOf(first),
      bitsOf(first?.bits),
    ]
  })
  table(
    screen,
    [
      { head: 'tensor' },
      { head: 'role' },
      { head: 'count', right: true },
      { head: 'before', right: true },
      { head: 'after', right: true },
      { head: 'what' },
      { head: 'bits', right: true },
    ],
    rows,
  )
}

function whatOf(tensor: PlannedTensor | undefined): string {
  if (tensor === undefined) return ''
  const rule = tensor.rule === undefined ? '' : `, rule ${tensor.rule + 1}`
  const why = tensor.why === undefined ? '' : `: ${tensor.why}`
  if (tensor.part === 'dead') return `left out${why}`
  if (tensor.method === undefined) return `kept${rule}${why}`
  return `${tensor.method}${tensor.sparsity === 0 ? '' : ` ${percent(tensor.sparsity)}`}${rule}`
}

function bitsOf(bits: number | undefined): string {
  return bits === undefined ? '' : `${bits}`
}
