import type { CompressReport, LayerReport, PlanReport } from '../generated/index.js'
import type { PartBytes } from './data.js'

/** Bytes of the parts of a result. Headers of a matrix count with it, as in `bitsPerWeight`. */
export function resultParts(report: CompressReport): Record<PartBytes['part'], number> {
  const target = bytesOf(report.layers, report.bitsPerWeight)
  const embedding = bytesOf(report.embeddings, report.embeddingBitsPerWeight ?? 0)
  return { target, embedding, other: Math.max(0, report.outputBytes - target - embedding) }
}

/** Bytes by part before and after; the plan knows what each tensor was. */
export function partsOf(plan: PlanReport, report: CompressReport): PartBytes[] {
  const before = (part: string): number =>
    plan.tensors
      .filter(tensor => tensor.part === part)
      .reduce((total, tensor) => total + tensor.inputBytes, 0)
  const [target, embedding] = [before('target'), before('embedding')]
  const after = resultParts(report)
  return [
    { part: 'target', before: target, after: after.target },
    { part: 'embedding', before: embedding, after: after.embedding },
    { part: 'other', before: Math.max(0, report.inputBytes - target - embedding), after: after.other },
  ]
}

function bytesOf(layers: readonly LayerReport[], bitsPerWeight: number): number {
  const weights = layers.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0)
  return Math.round((weights * bitsPerWeight) / 8)
}
