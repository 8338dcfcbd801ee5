// Temporary mirror of the Rust types, until the schema program writes this folder.
export interface Options {
  sparsity?: number
  bits: number
  groupSize: number
  method: string
  schedule: string
  pattern?: string
  embeddingBits: number
  embeddingSparsity: number
  tokens: number
  dampingRel: number
  maxMemoryBytes: number
  threads: number
  seed: number
  strict: boolean
  isa?: string
  format: string
  maxShardBytes: number
}
export type Calibration = 'builtin' | 'self' | { file: string } | { texts: string[] }
export interface CompressRequest {
  model: string
  out?: string | null
  workDir?: string | null
  calibration?: Calibration
  options?: Partial<Options>
}
export interface InspectRequest { model: string }
export interface TensorInfo {
  name: string
  shape: number[]
  dtype: string
  stored: string
  bytes: number
  file: string
  part: string
}
export interface Inspection {
  form: string
  architecture: string
  known: boolean
  parameters: number
  targetParameters: number
  bytes: number
  blocks: number
  hidden: number
  maxContext: number
  tensors: TensorInfo[]
  sidecars: string[]
}
export interface EvaluateRequest {
  model: string
  text?: string | null
  textFile?: string | null
  pairsFile?: string | null
  context?: number | null
  threads?: number
}
export interface Evaluation {
  perplexity?: number
  nll?: number
  tokens?: number
  spearman?: number
  pairs?: number
  seconds: number
}
export interface CompareRequest {
  original: string
  small: string
  text?: string | null
  textFile?: string | null
  pairsFile?: string | null
  context?: number | null
  threads?: number
}
export interface Comparison {
  originalBytes: number
  smallBytes: number
  original: Evaluation
  small: Evaluation
  kl?: number
  topTokenAgreement?: number
  meanCosine?: number
  meanCosineFirst?: number
}
export interface GenerateRequest {
  model: string
  prompt?: string
  maxTokens?: number | null
  temperature?: number
  topP?: number | null
  seed?: number
  threads?: number
}
export interface Generation { text: string; tokens: number; finish: string; seconds: number }
export interface EmbedRequest { model: string; texts: string[]; threads?: number }
export interface Embeddings { vectors: number[][]; dimensions: number; truncated: number }
export interface ConvertRequest {
  model: string
  format: string
  out: string
  maxShardBytes?: number | null
  threads?: number
}
export interface Conversion { out: string; inputBytes: number; outputBytes: number; notes: string[] }
export type Repair =
  | { kind: 'dampingRaised'; tensor: string; dampingRel: number }
  | { kind: 'deadColumns'; tensor: string; columns: number }
  | { kind: 'fallback'; tensor: string; method: string; reason: string }
export interface LayerReport {
  name: string
  shape: [number, number]
  method: string
  sparsity: number
  bits: number
  bitsPerWeight: number
  relativeOutputError?: number
  relativeWeightError: number
}
export interface CompressReport {
  out: string
  architecture: string
  sparsity: number
  bitsPerWeight: number
  embeddingBitsPerWeight?: number
  inputBytes: number
  outputBytes: number
  seconds: number
  phases: { [key in string]: number }
  peakRssBytes: number
  plannedPeakBytes: number
  tokens: number
  isa: string
  threads: number
  resumedUnits: number
  options: Options
  repairs: Repair[]
  notes: string[]
  layers: LayerReport[]
  embeddings: LayerReport[]
}
export interface PlannedTensor {
  name: string
  shape: number[]
  dtype: string
  part: string
  method?: string
  sparsity: number
  bits?: number
  inputBytes: number
  outputBytes: number
}
export interface PlanReport {
  architecture: string
  options: Options
  tensors: PlannedTensor[]
  inputBytes: number
  outputBytes: number
  bitsPerWeight: number
  peakMemoryBytes: number
  diskBytes: number
  spillsActivations: boolean
  tokens: number
  flops: number
  notes: string[]
}
export type Stage = 'plan' | 'calibrate' | 'statistics' | 'solve' | 'forward' | 'write' | 'evaluate' | 'generate'
export interface ProgressEvent { stage: Stage; done: number; total: number; unit: string; name: string }
export const METHODS = ['rtn', 'magnitude', 'wanda', 'obs'] as const
export const SCHEDULES = ['uniform'] as const
export const FORMATS = ['kerf', 'safetensors'] as const
export const ISAS = ['portable', 'avx2', 'avx512', 'neon', 'simd128'] as const
export const DEFAULT_OPTIONS = {
  bits: 4, groupSize: 128, method: 'obs', schedule: 'uniform', embeddingBits: 8, embeddingSparsity: 0, tokens: 16384,
  dampingRel: 0.01, maxMemoryBytes: 0, threads: 0, seed: 0, strict: false, format: 'kerf', maxShardBytes: 5000000000,
} as const
export type ErrorCode = 'IO' | 'DISK_FULL' | 'NOT_FOUND' | 'OUTPUT_EXISTS' | 'BAD_OPTION' | 'BAD_REQUEST' | 'CANCELLED' | 'INTERNAL' | 'EMPTY'
