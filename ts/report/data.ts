import type { CompressReport, PlanReport } from '../generated/index.js'
import type { Quality } from '../quality/quality.js'

/** Bytes of one part of a model. */
export interface PartBytes {
  /** `target`, `embedding`, or `other`: norms, biases, headers and files that are no tensors. */
  part: 'target' | 'embedding' | 'other'
  before: number
  after: number
}

/** All that a page about a compression shows. Everything but the report may be absent; the page then leaves its section out. */
export interface ReportData {
  /** Name of the model, as its folder is called. */
  model: string
  report: CompressReport
  /** What was planned before the start. */
  plan?: PlanReport
  /** Bytes by part of the original and of the result. */
  parts?: readonly PartBytes[]
  /** Quality before and after. */
  quality?: Quality
  /** Why there is no `quality`, as a sentence. */
  qualityMissing?: string
  /** The command that does the same again. */
  command?: string
  /** Version of kerf. */
  version?: string
  /** When the run ended, as ISO 8601. */
  date?: string
}
