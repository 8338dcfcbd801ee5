import type { CompressReport, Inspection, PlanReport } from '../generated/index.js'
import type { PartBytes } from './data.js'

/** Bytes by part: the plan says what each tensor is and what it was, the result what it became. */
export function partsOf(plan: PlanReport, result: Inspection, report: CompressReport): PartBytes[] {
  const stored = new Map(result.tensors.map(tensor => [tensor.name, tensor.bytes]))
  const sum = (part: 'target' | 'embedding'): PartBytes => {
    const tensors = plan.tensors.filter(tensor => tensor.part === part)
    return {
      part,
      before: tensors.reduce((total, tensor) => total + tensor.inputBytes, 0),
      after: tensors.reduce((total, tensor) => total + (stored.get(tensor.name) ?? 0), 0),
    }
  }
  const parts = [sum('target'), sum('embedding')]
  const rest = (total: number, key: 'before' | 'after'): number =>
    Math.max(0, total - parts.reduce((used, part) => used + part[key], 0))
  return [
    ...parts,
    {
      part: 'other',
      before: rest(report.inputBytes, 'before'),
      after: rest(report.outputBytes, 'after'),
    },
  ]
}
