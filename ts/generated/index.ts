// Written by `cargo run -p kerf-schema`. Do not edit: change the Rust type and run that again.

/** What to remove, and how. Unknown fields are errors; every field has a default. */
export type Options = {
  /**
   * How small, by name: `safe`, `light`, `compact`, `small` or `tiny`, which fills in what is not given. Default: `light`, unless
   * something else says how small (`sparsity`, `keepMask`, `bits`, `pattern`, a budget, or a method that only removes).
   */
  preset?: string
  /** How much effort, by name: `fast`, `balanced` or `best`, which fills in what is not given. Default: `balanced`. */
  quality?: string
  /**
   * Share of the weights of each target matrix to remove, 0 to 0.99. Default: what an N:M pattern says, else 0, so that nothing is
   * removed unless it is asked for. Methods that only remove weights (`magnitude`, `wanda`, `admm`) need it, or an N:M pattern, or `keepMask`.
   */
  sparsity?: number
  /**
   * Zeros that the target matrices have already stay exactly zero, and nothing else is removed, whatever method solves: for a model that was
   * pruned while it was fine-tuned. Few bits may still round a small survivor to 0, as they may any weight. Not beside `sparsity`, an N:M `pattern`, a budget or the method `entropy`; a rule that says one of
   * these for some matrices decides about them alone. Default: false.
   */
  keepMask?: boolean
  /**
   * Bits per weight that the target matrices may take on average, 0.5 to 16, all their bytes counted. Method `entropy` chooses zeros and codes
   * for it; with another method each matrix gets 2, 3, 4 or 8 bits, as a survey of the model says. `bits` may not be given then.
   * Default: what the preset says (5 for `light`) in format `kerf`, where neither another method nor `sparsity`, `keepMask`, `bits` or
   * `pattern` is given.
   */
  targetBits?: number
  /** Bytes that all files of the result may take together; as `targetBits` else. */
  targetBytes?: number
  /**
   * Bits of a code, 2 to 8; 16 keeps the survivors in the source's float type. Alone it removes nothing. Default: what the format
   * has, else what the preset says (8 for `safe` and `light`), else 4. A budget decides them for each matrix.
   */
  bits?: number
  /** Columns that share a scale, a multiple of 8; 0 = a whole row. Default 128. */
  groupSize?: number
  /**
   * Id of the method table (`rtn`, `magnitude`, `wanda`, `obs`, `descent`, `admm`, `joint`, `entropy`). Default: `entropy` in format
   * `kerf` for a preset or a budget (`targetBits`, `targetBytes`) without `sparsity`, `keepMask`, `bits` or `pattern`; `rtn` for the
   * preset `safe` where nothing is removed; else `joint`.
   */
  method?: string
  /**
   * Id of the schedule table (`uniform`, `error-levels`, `owl`, `probe`, `search`). All but uniform look at the model first. Default:
   * that of the method (`probe` for `joint`, `entropy`) unless the quality is `fast`, the pattern N:M or `keepMask` given, else `uniform`.
   */
  schedule?: string
  /**
   * What a schedule gives a share of its own: `matrix`, `block` (all matrices of a block alike), or `nested` (blocks, and the
   * matrices inside by a third of the slope). Default `nested`.
   */
  granularity?: string
  /** Levels of estimated loss that `error-levels` tells apart; 0 = each matrix or block has its own. Default 6. */
  levels?: number
  /** Share of weights by which `error-levels` answers a tenfold loss, 0 to 1. Default 0.15. */
  slope?: number
  /**
   * What makes losses of different matrices comparable for `error-levels`: `weights`, their number, or `output`, the energy of
   * what the matrix puts out. Default `output`.
   */
  lossScale?: string
  /** Generations of `search`, each about three times as long as a forward pass over 2,048 tokens of calibration. Default 40. */
  generations?: number
  /**
   * `unstructured`, `row` (the same count in every row) or `N:M` such as `2:4` (sets the sparsity to 1 - N/M). Default: what
   * the method's paper uses (`row` for wanda, else `unstructured`).
   */
  pattern?: string
  /**
   * Bits of embeddings and head, 2 to 8, or 16 to keep them as they are. Default: in format `kerf`, where they are entropy-coded,
   * what the preset says (6 for `light`), without one as `bits`, but not below 4 or above 8; in other formats what the format has, else 8.
   */
  embeddingBits?: number
  /**
   * Bits of the head, also where it is an embedding at the same time, 2 to 8, or 16. Every prediction goes through it. Default:
   * in format `kerf` what the preset says (8 for `light`); without one `embeddingBits` if given, else that, but at least 6 in
   * format `kerf`; in other formats as `embeddingBits`.
   */
  headBits?: number
  /** Share of embedding weights to remove by magnitude, 0 to 0.99. Default 0. */
  embeddingSparsity: number
  /** Upper limit of calibration tokens. Default 16384. */
  tokens?: number
  /** Damping of the Hessian, relative to the mean of its diagonal (of each entry at most four times the median); raised tenfold as often as needed. Default 0.01. */
  dampingRel: number
  /**
   * How much of what the dense model computes from its own inputs a layer aims at, given the inputs that it really gets, 0 to
   * 1; 0 aims at what the layer computes from those. More than 0 runs the dense model along with the calibration, which doubles
   * the forward passes. Rules share it. Default: 0 at quality `fast`, else what the method is known for (0 for `wanda`, `obs`).
   */
  blend?: number
  /**
   * Teaches what survived to do what the dense model does, after the solver: values, scales, norms and biases move, and what is 0
   * stays 0. `false`: not at all, the default.
   */
  recover?: RecoverOption
  /** Peak memory that the run may use, in bytes; 0 = no limit, the default. Refused before the start if it cannot be kept. */
  maxMemoryBytes: number
  /** Worker threads; 0 = all of the machine. */
  threads: number
  /** Seed of everything random. */
  seed: number
  /**
   * Largest loss that a calibrated run may measure of its result (`measured.loss` of the report): mean KL divergence in nats for
   * decoders, 1 minus the mean cosine for encoders. A result that lost more is an error, and is kept beside `out`. Default: no limit.
   */
  maxLoss?: number
  /** A repair (more damping, dead columns, a fallback) is an error. */
  strict: boolean
  /** Id of the instruction set; `portable` gives the same bytes on every machine, slowly. Default: the best of this machine. */
  isa?: string
  /**
   * Form of the result, an id of the table of formats: `kerf`, `safetensors` (dense, exact zeros), or a form of another runtime, on
   * whose grid every matrix is solved. Default `kerf`.
   */
  format: string
  /** Largest file of the result, in bytes. Default 5 GB. */
  maxShardBytes: number
  /**
   * Matrices for which something else holds; the first rule that matches a matrix decides, and one that decides about none
   * is an error.
   */
  rules?: Array<Rule>
  /** Sweeps of coordinate descent over the codes. From 0 to 10000. For `descent`, `joint`, `entropy`. Default 2 (1 at quality `fast`, 8 at `best`). */
  sweeps?: number
  /** Iterations of the search for what survives, or of the refit of what `keepMask` keeps; 0 does what `obs` would do. From 0 to 10000. For `admm`, `joint`. Default 8 (0 at quality `fast`, 60 at `best`). */
  iterations?: number
}

/** Parameters of pruners. */
export type PrunerParams = {
  /** Variance of the wide part of the prior of weights, 0.000001 to 10. For method `mgpp`, `l2`. Default 0.1. */
  slab?: number
  /** Variance of the narrow part of the prior of weights, as the paper gives it (1e-10, 1e-9); 0 takes it from the step size, by `reach`, 0 to 1. For method `mgpp`. Default 0. */
  spike?: number
  /** Where narrow and wide part of the prior are equally likely, in steps of the optimiser (`learningRate`), where `spike` is 0, 0.01 to 100. For method `mgpp`. Default 1.5. */
  reach?: number
  /** Probability of the wide part of the prior at the first cut, 0.000000000001 to 0.999. For method `mgpp`. Default 0.1. */
  lambda?: number
  /** Probability of the wide part of the prior at the last cut, 0.000000000001 to 0.999. For method `mgpp`. Default 0.0001. */
  lambdaEnd?: number
  /** Steps over which the importance of a weight is averaged, 1 to 1000. For method `platon`. Default 10. */
  window?: number
  /** Share of the importance so far that stays when a window is added, 0 to 0.999. For method `platon`. Default 0.85. */
  smoothing?: number
  /** Share of the uncertainty so far that stays when a window is added, 0 to 0.999. For method `platon`. Default 0.95. */
  doubt?: number
}

/** What holds for the matrices that match. What a rule leaves out is as for all others. */
export type Rule = {
  /** Which matrices: a pattern of names (`*` stands for any characters, `?` for one), or conditions of which all must hold. */
  match: Match
  /** Leave the matrix as it is; no other field may be set then. */
  keep?: boolean
  /** Id of the method table. Embeddings are never calibrated: a method that needs calibration leaves them to `magnitude` where weights are removed, else to `rtn`. */
  method?: string
  /** Share of the weights to remove. Matrices without one share the `sparsity` of the whole by the schedule. */
  sparsity?: number
  /** Bits of a code, 2 to 8; 16 keeps the survivors as floats. */
  bits?: number
  /** Columns that share a scale; 0 = a whole row. */
  groupSize?: number
  /** `unstructured`, `row` or `N:M`. */
  pattern?: string
}

/** Which matrices a rule is for. */
export type Match = string | Conditions

/** Conditions, of which all that are given must hold. */
export type Conditions = {
  /** One of these patterns of names. */
  name?: OneOrMany<string>
  /** One of these roles: `q`, `k`, `v`, `o`, `gate`, `up`, `down`, `embedding`, `head`; `plan` shows that of each matrix. */
  role?: OneOrMany<string>
  /** In one of these blocks: a number (-1 is the last), or a range such as `"0-3"` or `"8-"`. */
  blocks?: OneOrMany<Blocks>
}

/** One or several. */
export type OneOrMany<T> = T | Array<T>

/** A block, or a range of blocks. */
export type Blocks = number | string

/** The options that a request gives; each has a default. (For TypeScript only: serde fills in the defaults.) */
export type GivenOptions = Partial<Options>

/** Options with every default filled in, as plans and reports have them. (For TypeScript only.) */
export type FilledOptions = Options & Required<Pick<Options, 'sparsity' | 'bits' | 'groupSize' | 'method' | 'schedule' | 'granularity' | 'levels' | 'slope' | 'lossScale' | 'generations' | 'pattern' | 'embeddingBits' | 'headBits' | 'tokens' | 'blend'>>

/** Where calibration text comes from. Exactly one; without any, the built-in sample. */
export type Calibration = 'builtin' | 'self' | { 'file': string } | { 'texts': Array<string> }

/** `compress` and `plan`. */
export type CompressRequest = {
  /** Folder or file of the model. */
  model: string
  /** Description of the architecture in JSON (a file), for a model_type that kerf does not know. */
  architecture?: string
  /** Folder of the result; without it a sibling of the model, NAME-kerf. */
  out?: string
  /** Folder of journal and units; without it a hidden sibling of `out`. It is removed after success. */
  workDir?: string
  /** Calibration text. */
  calibration?: Calibration
  /** What to remove, and how. */
  options?: GivenOptions
  /** Replace a result of kerf that is at `out` already. */
  force?: boolean
  /** Whether to foresee the time, which itself takes a fraction of a second. Default true. */
  estimate?: boolean
}

/** A repair that the engine made: never silent, counted, fatal under `strict`. */
export type Repair = { 'kind': 'dampingRaised', tensor: string, dampingRel: number } | { 'kind': 'deadColumns', tensor: string, columns: number } | { 'kind': 'fallback', tensor: string, method: string, reason: string } | { 'kind': 'ownInputs', tensor: string, reason: string } | { 'kind': 'outOfRange', tensor: string, groups: number, kept: boolean }

/** One compressed matrix. */
export type LayerReport = {
  /** Name of the tensor. */
  name: string
  /** Block it belongs to, from 0; absent for embeddings and unknown architectures. */
  block?: number
  /** Role in its block, such as `q` or `down`; absent where `block` is. */
  role?: string
  /** [out, in]. */
  shape: [number, number]
  /** Method that solved it. */
  method: string
  /** Share of weights removed. */
  sparsity: number
  /** Bits of a code; 16 or 32 if survivors are floats. */
  bits: number
  /** Step of the grid over the root mean square of a row, of a method that chooses sparsity and bits by it. */
  step?: number
  /** Bits of file per weight: codes, mask, scales, tables, padding. */
  bitsPerWeight: number
  /** tr((W-W')H(W-W')^T) / tr(W H W^T); absent for methods without calibration. */
  relativeOutputError?: number
  /** sum((W-W')^2) / sum(W^2). */
  relativeWeightError: number
}

/** Whether and how what survived is taught to do what the dense model does. */
export type RecoverOption = false | Recover

/** How what survived is taught. */
export type Recover = {
  /**
   * `block`: each block learns the outputs of the dense block, with one block in memory. `whole`: the whole model learns the
   * predictions (decoders) or vectors (encoders) of the dense one, with all weights in memory, six times over. `auto`: `whole` where
   * `maxMemoryBytes` allows it (without a limit: 16 GiB), else `block`. Default `auto`.
   */
  by?: string
  /**
   * Tokens that are taught in all; the text is repeated as often as it takes. A whole model is taught on up to so many tokens of the
   * calibration text, a block on the calibration itself (`tokens` of the options), and each block sees so many.
   */
  tokens: number
  /** Highest learning rate, as a share of the root mean square of each tensor's values, 0 to 1. Default 0.03. */
  learningRate?: number
  /**
   * What a whole model reads: `calibration`, the calibration text; `self`, what the dense model itself writes (decoders); `both`, half
   * of each. Default `calibration`.
   */
  text?: string
}

/** What a block, or the whole model, learned after the solver. */
export type RecoveredPart = {
  /** The block, from 0; absent for the whole model. */
  block?: number
  /** Tokens that were taught. */
  tokens: number
  /** Steps of the optimiser. */
  steps: number
  /** Wall time. */
  seconds: number
  /**
   * Loss of the held-out share before. By block: mean over tokens of |x - y|^2 / |y|^2, with y what the dense block gives. Whole: mean
   * KL divergence in nats (decoders), or 1 minus the mean cosine plus 0.4 times the relative error of the hidden states (encoders).
   */
  before: number
  /** The same of what was kept; equal to `before` if nothing was better. */
  after: number
}

/** What a run measured of its own result, on text that calibration did not see. */
export type Measured = {
  /**
   * The first text's loss: the mean KL divergence of the next token in nats (decoders), or 1 minus the mean cosine of the vectors
   * (encoders). 0 is the original itself; `maxLoss` is about this number.
   */
  loss: number
  /** What the loss means: `same`, `close`, `worse`, `poor` or `broken`. */
  grade: string
  /** The grade and the numbers as one sentence. */
  summary: string
  /** Each text: first what was held out of the calibration text, where that was long enough; then other text that ships with kerf. */
  on: Array<MeasuredOn>
}

/** What was measured on one text. */
export type MeasuredOn = {
  /** Which text. */
  text: string
  /** Its tokens that both models saw. */
  tokens: number
  /** As `loss` of the whole. */
  loss: number
  /** Mean KL(original || result) of the next token, in nats; of a decoder. */
  kl?: number
  /** Share of predictions whose most likely token is the same; of a decoder. */
  topTokenAgreement?: number
  /** Mean cosine of the vectors of both models; of an encoder. */
  meanCosine?: number
}

/** How much of a text was used. */
export type TextUse = {
  /** Bytes of the text. */
  bytes: number
  /** Bytes of it behind the tokens that were used, about. */
  usedBytes: number
  /** Tokens that were used. */
  tokens: number
  /** Texts that were longer than what the model takes, of which the rest was cut. */
  cut: number
}

/** What one step of the work took. */
export type Work = {
  /** The phase it belongs to, as in `phases`. */
  phase: string
  /** The block, from 0; absent for what is done once. */
  block?: number
  /**
   * `read`, `network` (tokens through matrices), `moments`, `factor`, `target`, `support`, `refit`, `rounding`, `descent`, `encode`,
   * `error` (measuring what was lost), `distance` (of probed models), `teach`, or `rest`.
   */
  step: string
  /** Wall time. */
  seconds: number
  /** Floating-point operations of products, factorizations and column loops; what is done element by element is not counted. */
  flops: number
}

/** What was done. `compress --json` prints this. */
export type CompressReport = {
  /** Folder of the result. */
  out: string
  /** Architecture id, or the model_type that is not known. */
  architecture: string
  /** Share of weights removed over all compressed matrices. */
  sparsity: number
  /** All bytes of the compressed matrices in the result and their headers, times 8, over their number of weights. */
  bitsPerWeight: number
  /** The same for embeddings and head; absent if there are none. */
  embeddingBitsPerWeight?: number
  /** Bytes of all files of the model folder that were carried or compressed. */
  inputBytes: number
  /** Bytes of every file of the result. */
  outputBytes: number
  /** Wall time of this run (a resumed run counts from its own start). */
  seconds: number
  /** Seconds by phase: plan, calibrate, survey, search, statistics, solve, forward, recover, measure, write. */
  phases: { [key in string]: number }
  /** What the steps of the phases took, in this run. */
  work: Array<Work>
  /** Peak resident memory of the process, 0 where the system does not tell. */
  peakRssBytes: number
  /** Peak memory that the plan had promised. */
  plannedPeakBytes: number
  /** Bytes of the result that the plan had foreseen. */
  plannedOutputBytes: number
  /** Seconds that were foreseen; absent if nobody asked or the model is such that it cannot be told. */
  plannedSeconds?: number
  /** Calibration tokens used. */
  tokens: number
  /** How much of the calibration text that is; absent without one (no calibration, or the model's own text). */
  text?: TextUse
  /** Instruction set id. */
  isa: string
  /** Worker threads. */
  threads: number
  /** Units taken over from an interrupted run. */
  resumedUnits: number
  /** The options with every default filled in. */
  options: FilledOptions
  /** How close the result is to the original; absent where nothing was calibrated. */
  measured?: Measured
  /** What was taught after the solver, block by block or once; empty without `recover`. */
  recovered?: Array<RecoveredPart>
  /** Repairs, in order. */
  repairs: Array<Repair>
  /** Things a user should know that are not repairs. */
  notes: Array<string>
  /** Compressed matrices in order. */
  layers: Array<LayerReport>
  /** Compressed embeddings and head. */
  embeddings: Array<LayerReport>
}

/** What will happen to one tensor. */
export type PlannedTensor = {
  /** Name of the tensor. */
  name: string
  /** Its shape. */
  shape: Array<number>
  /** Its element type in the source. */
  dtype: string
  /** `target`, `embedding`, `kept`, or `dead` for what the result does not have, since nobody reads it. */
  part: string
  /** What it is that it is kept or left out; absent where that goes without saying. */
  why?: string
  /** Role of a matrix in the network, as rules name it. */
  role?: string
  /** Block of a target matrix. */
  block?: number
  /** Index of the rule that decided about it. */
  rule?: number
  /** Method, for what is compressed. */
  method?: string
  /** Share of weights that will be removed; 0 where the zeros of the source stay, which are counted when the weights are read. */
  sparsity: number
  /** Bits of a code; absent for what is kept as it is. */
  bits?: number
  /** Bytes in the source. */
  inputBytes: number
  /** Bytes in the result. */
  outputBytes: number
}

/** What will happen, before it does. */
export type PlanReport = {
  /** Architecture id, or the model_type that is not known. */
  architecture: string
  /** The options with every default filled in. */
  options: FilledOptions
  /** Tensors in the order of the files. */
  tensors: Array<PlannedTensor>
  /** Bytes of all files of the model folder that will be carried or compressed. */
  inputBytes: number
  /**
   * Bytes of every file of the result. Of format `kerf` an estimate: codes are entropy-coded, so that bytes depend on them. Other
   * formats are foreseen exactly.
   */
  outputBytes: number
  /** Bits per weight of the target matrices; an estimate where `output_bytes` is one. */
  bitsPerWeight: number
  /** Peak memory. */
  peakMemoryBytes: number
  /** Disk that the work folder and the result need together, at most. */
  diskBytes: number
  /** Whether activations go through the disk to keep `maxMemoryBytes`. */
  spillsActivations: boolean
  /** Calibration tokens that will be used at most; 0 without calibration. */
  tokens: number
  /** How much of the calibration text that is, where it was read for the plan. */
  text?: TextUse
  /** Rough floating-point operations of the run. */
  flops: number
  /** Seconds that the run will take here, from a run of a moment; absent if nobody asked or it cannot be told. */
  seconds?: number
  /** Things a user should know. */
  notes: Array<string>
}

/** `inspect`. */
export type InspectRequest = {
  /** Folder or file of the model. */
  model: string
  /** Description of the architecture in JSON (a file), for a model_type that kerf does not know. */
  architecture?: string
}

/** One tensor of a model. */
export type TensorInfo = {
  /** Name in the original model. */
  name: string
  /** Shape in the original model. */
  shape: Array<number>
  /** Element type in the original model. */
  dtype: string
  /** How it is stored: `plain`, or such as `kerf 4 bit, 70.0 % zeros`; where codes are entropy-coded, `kerf 2.1 bits, 70.0 % zeros`, the bits a weight that this left. */
  stored: string
  /** Bytes in its file. */
  bytes: number
  /** File it is in. */
  file: string
  /**
   * `target`, `embedding`, `dead` (nobody reads it: results do not have it) or `other`; `other` for all if the architecture is
   * not known.
   */
  part: string
}

/** What kerf does about one statement. A statement that kerf cannot satisfy is an error instead. */
export type Outcome = 'used' | 'noted'

/** One statement of a model folder, and what kerf does about it. */
export type Fact = {
  /** Name of the file in the folder. */
  file: string
  /** Path of the field in the file. Empty for the file as a whole. */
  field: string
  /** Value of the field, shortened. */
  value: string
  /** Whether kerf does what the file says. */
  outcome: Outcome
  /** What kerf does about it, in one sentence. */
  says: string
}

/** What is inside a model. */
export type Inspection = {
  /** `safetensors`, `kerf`, `compressed-tensors`, `gguf`, or the name of the scheme that another program quantized it in. */
  form: string
  /** Architecture id, the model_type that is not known, or `none` without one. */
  architecture: string
  /** Whether kerf can run it (and so calibrate and evaluate). */
  known: boolean
  /** `decoder` (writes text) or `encoder` (gives vectors); absent if it is not known. */
  kind?: string
  /** Number of weights in all tensors. */
  parameters: number
  /** Number of weights in target matrices. */
  targetParameters: number
  /** Bytes of all files. */
  bytes: number
  /** Number of blocks, 0 if not known. */
  blocks: number
  /** Width, 0 if not known. */
  hidden: number
  /** Largest context, 0 if not known. */
  maxContext: number
  /** Tensors in the order of the files. */
  tensors: Array<TensorInfo>
  /** Other files that belong to the model. */
  sidecars: Array<string>
  /** What the files beside the weights say, and what became of it. */
  facts: Array<Fact>
  /** Things a user should know. */
  notes: Array<string>
}

/** `evaluate`: of `text`, `textFile`, `pairsFile`, `task`, `qa` and `completion` at least one. */
export type EvaluateRequest = {
  /** Folder or file of the model, or one that is open. */
  model: ModelRef
  /** Description of the architecture in JSON (a file), for a model_type that kerf does not know. */
  architecture?: string
  /** Text for perplexity. */
  text?: string
  /** UTF-8 file for perplexity. */
  textFile?: string
  /** RFC 4180 CSV: sentence, sentence, score, no header. */
  pairsFile?: string
  /** File of a classification: a line each of text, tab, label, or of two texts and a label. */
  task?: string
  /** File of questions about contexts: the JSON of SQuAD. */
  qa?: string
  /** File of completions: JSON lines, or CSV with a header, of prompt and completion, or of good and bad. */
  completion?: string
  /** Let the model write behind each prompt of `completion`, up to so many tokens, and score what it wrote. */
  generate?: number
  /** Tokens of the context that two windows of one question share; default 128, and at most a third of a window. */
  stride?: number
  /** Most tokens of an answer; default 30. */
  maxAnswer?: number
  /** Window in tokens; default: the model's maximum, at most 2048; of `qa`, at most 384. */
  context?: number
  /** Router that lets tokens skip blocks: a folder that `route` wrote, or `static` or `random`. Decoders only. */
  router?: string
  /** Mean share of tokens that each block skips, 0 to 1, for a router that is no folder. */
  tokenSparsity?: number
  /** Folder that `route` wrote, whose schedule a router that is no folder takes. */
  schedule?: string
  /** Peak memory that the process may use, in bytes; without it decoded weights are kept in up to half of what is free. */
  maxMemoryBytes?: number
  /** Worker threads; 0 = all. */
  threads?: number
}

/** How a classifier does on labelled texts. */
export type Classification = {
  /** Number of texts, or pairs of texts. */
  texts: number
  /** How many of them were cut at the model's maximum. */
  truncated: number
  /** Share of texts whose label is found. */
  accuracy: number
  /** Where there are two labels: F1 of the second, 0 to 1. */
  f1?: number
  /** The label that `f1` is of. */
  positive?: string
}

/** How a span head answers questions, as SQuAD v1.1 measures it. */
export type Answering = {
  /** Number of questions. */
  questions: number
  /** Number of windows that their contexts took. */
  windows: number
  /** Share of answers that are one of the right ones, but for case, punctuation and articles. */
  exact: number
  /** Mean F1 of the words of an answer and of the best right one, 0 to 1. */
  f1: number
}

/** How likely a decoder finds completions. */
export type Completions = {
  /** Number of completions, or of pairs of a good and a bad text. */
  texts: number
  /** Tokens of the completions, or of the good texts, that were predicted. */
  tokens: number
  /** Mean logarithm (nats) of the probability of a completion, or of a good text. */
  logLikelihood: number
  /** exp of the mean loss of a token of them. */
  perplexity: number
  /** Share of pairs whose good text is more likely. */
  preferred?: number
}

/** How what a decoder writes is like what people wrote. */
export type Writing = {
  /** Number of prompts, each once. */
  prompts: number
  /** Tokens that were written. */
  tokens: number
  /** BLEU against all completions of a prompt, 0 to 100, as sacrebleu computes it. */
  bleu: number
  /** Mean F1 of ROUGE-L against the nearest completion of a prompt, 0 to 1. */
  rougeL: number
}

/** What `evaluate` measured. */
export type Evaluation = {
  /** exp(nll). */
  perplexity?: number
  /** Mean negative log likelihood, nats. */
  nll?: number
  /** Predicted tokens. */
  tokens?: number
  /** Spearman's rank correlation of cosine and score. */
  spearman?: number
  /** Number of pairs. */
  pairs?: number
  /** How a classifier does on `task`. */
  classification?: Classification
  /** How a span head does on `qa`. */
  answering?: Answering
  /** How likely a decoder finds the texts of `completion`. */
  completions?: Completions
  /** What a decoder writes behind the prompts of `completion`, with `generate`. */
  writing?: Writing
  /** What a router skipped, with `router`. */
  routing?: Routing
  /** How much of the text was used: windows are whole. */
  text?: TextUse
  /** Wall time. */
  seconds: number
  /** Things a user should know. */
  notes: Array<string>
}

/** `compare`: of `text`, `textFile` and `pairsFile` at least one. */
export type CompareRequest = {
  /** Folder or file of the original. */
  original: string
  /** Folder or file of the compressed model. */
  small: string
  /** Description of the architecture in JSON (a file), for a model_type that kerf does not know; for both models. */
  architecture?: string
  /** Text for perplexity and KL. */
  text?: string
  /** UTF-8 file for perplexity and KL. */
  textFile?: string
  /** Pairs for Spearman and mean cosine. */
  pairsFile?: string
  /** Window in tokens; default: the model's maximum, at most 2048. */
  context?: number
  /** Peak memory that the process may use, in bytes; without it decoded weights are kept in up to half of what is free. */
  maxMemoryBytes?: number
  /** Worker threads; 0 = all. */
  threads?: number
}

/** What `compare` measured. */
export type Comparison = {
  /** Bytes of all files of the original. */
  originalBytes: number
  /** Bytes of all files of the compressed model. */
  smallBytes: number
  /** Measures of the original. */
  original: Evaluation
  /** Measures of the compressed model. */
  small: Evaluation
  /** Mean KL(original || small), nats. */
  kl?: number
  /** Share of predictions with the same most likely token. */
  topTokenAgreement?: number
  /** Mean cosine of original and small embedding over all sentences of the file. */
  meanCosine?: number
  /** Mean cosine over the first sentences of the pairs only. */
  meanCosineFirst?: number
}

/** `generate`. */
export type GenerateRequest = {
  /** Folder or file of the model, or one that is open. */
  model: ModelRef
  /** Description of the architecture in JSON (a file), for a model_type that kerf does not know. */
  architecture?: string
  /** Text to continue; may be empty if the model has a begin token. */
  prompt?: string
  /** Most new tokens. Default 128. */
  maxTokens?: number
  /**
   * Whether tokens are drawn; otherwise each is the most likely one. Default: whether `temperature` is more than 0, and without
   * that, what the model's generation_config.json says (`do_sample`), else false.
   */
  sample?: boolean
  /** Divides logits before a token is drawn; 0 = greedy. Default when drawing: that of generation_config.json, else 1. */
  temperature?: number
  /** Default when drawing: that of generation_config.json, else 1. */
  topP?: number
  /** Number of most likely tokens that one is drawn from, 0 = all. Default when drawing: that of generation_config.json, else 0. */
  topK?: number
  /**
   * Logits of tokens that were there already are divided by this (multiplied if negative). Default: that of
   * generation_config.json, else 1.
   */
  repetitionPenalty?: number
  /** Strings that end the text; they and what is behind them are left out. None is empty. */
  stop?: Array<string>
  /**
   * Whether the tokenizer puts its special tokens around the prompt. Default true; false for a prompt that has them, such as that of a
   * chat template.
   */
  specialTokens?: boolean
  /** Same seed, same text. */
  seed?: number
  /** Router that lets tokens skip blocks: a folder that `route` wrote, or `static` or `random`. Decoders only. */
  router?: string
  /** Mean share of tokens that each block skips, 0 to 1, for a router that is no folder. */
  tokenSparsity?: number
  /** Folder that `route` wrote, whose schedule a router that is no folder takes. */
  schedule?: string
  /** Peak memory that the process may use, in bytes; without it decoded weights are kept in up to half of what is free. */
  maxMemoryBytes?: number
  /** Worker threads; 0 = all. */
  threads?: number
}

/** What `generate` wrote. */
export type Generation = {
  /** The new text, prompt left out. */
  text: string
  /** Number of new tokens. */
  tokens: number
  /** Number of tokens of the prompt. */
  promptTokens: number
  /** Why it ended: `length`, `end`, `stop` (a stop string) or `cancelled`. */
  finish: string
  /** What a router skipped, with `router`. */
  routing?: Routing
  /** Wall time. */
  seconds: number
}

/** The model of a request: its path, or one that is open. */
export type ModelRef = string | {
  /** See `HeldModel`. */
  open: number
}

/** `open`. */
export type OpenRequest = {
  /** Folder or file of the model. */
  model: string
  /** Description of the architecture in JSON (a file), for a model_type that kerf does not know. */
  architecture?: string
}

/** A model that stays open. */
export type HeldModel = {
  /** Its number in this process. */
  open: number
  /** `encoder` or `decoder`. */
  kind: string
  /** Bytes of the decoded weights that it holds between calls. */
  bytes: number
  /** How it reads a conversation, if its files say. */
  chat?: ChatFormat
}

/** How a model reads a conversation. */
export type ChatFormat = {
  /** Jinja template: chat_template of tokenizer_config.json, chat_template.jinja, or that of a GGUF file. */
  template: string
  /** Text of the token that begins a text. */
  bosToken?: string
  /** Text of the token that ends a text. */
  eosToken?: string
  /** Text of the token for padding. */
  padToken?: string
}

/** `memory` and `close`: which open model. */
export type Released = {
  /** Its number. */
  open: number
}

/** `embed`. */
export type EmbedRequest = {
  /** Folder or file of the model, or one that is open. */
  model: ModelRef
  /** Description of the architecture in JSON (a file), for a model_type that kerf does not know. */
  architecture?: string
  /** Texts. */
  texts: Array<string>
  /** Goes before each text, in place of the model's own prompt; may be empty. */
  prompt?: string
  /** Name of the model's prompt that goes before each text; without it and `prompt`, the model's default. */
  promptName?: string
  /**
   * Numbers of each vector that are kept, counted from its start, after everything else the model does; default: what the model
   * says, else all. They are not scaled to length 1 again.
   */
  dimensions?: number
  /** Peak memory that the process may use, in bytes; without it decoded weights are kept in up to half of what is free. */
  maxMemoryBytes?: number
  /** Worker threads; 0 = all. */
  threads?: number
}

/** Vectors in the order of the texts. */
export type Embeddings = {
  /** One after the other, `dimensions` numbers each, as the modules of the model make them. */
  vectors: Float32Array
  /** Width of each. */
  dimensions: number
  /** Number of tokens of all texts, prompts and special tokens included. */
  tokens: number
  /** Number of texts that were cut at the model's maximum. */
  truncated: number
  /** Things a user should know. */
  notes: Array<string>
}

/** `classify`. */
export type ClassifyRequest = {
  /** Folder or file of the model, or one that is open. */
  model: ModelRef
  /** Description of the architecture in JSON (a file), for a model_type that kerf does not know. */
  architecture?: string
  /** Texts: each alone, or two that make a pair. */
  texts: Array<Array<string>>
  /** Peak memory that the process may use, in bytes; without it decoded weights are kept in up to half of what is free. */
  maxMemoryBytes?: number
  /** Worker threads; 0 = all. */
  threads?: number
}

/** What a classifier says of texts. */
export type Classes = {
  /** Names of the labels, as config.json has them. */
  labels: Array<string>
  /** In the order of the texts: the probability of each label. */
  probabilities: Array<Array<number>>
  /** Number of texts that were cut at the model's maximum. */
  truncated: number
}

/** `finetune`. */
export type FinetuneRequest = {
  /** Folder or file of the model. */
  model: string
  /** Description of the architecture in JSON (a file), for a model_type that kerf does not know. */
  architecture?: string
  /** Folder of the result; without it a sibling of the model, NAME-tuned. */
  out?: string
  /** Folder of checkpoints; without it a hidden sibling of `out`. It is removed after success. */
  workDir?: string
  /** Replace a result of kerf that is at `out` already. */
  force?: boolean
  /** Kind of task, an id of the table of tasks. */
  task: string
  /** File of the examples to learn from, in the form of the task. */
  data: string
  /** File of examples that are measured and never learned from; without it a share of `data` is held out. */
  heldOut?: string
  /** Most tokens of an example; longer ones are cut. Default: what the model says, at most 256 (384 for answering). */
  maxTokens?: number
  /** How it is learned. */
  options?: FinetuneOptions
}

/** How a training goes. Every option has a default. */
export type FinetuneOptions = {
  /** Passes over the examples. Default 3. */
  epochs?: number
  /** Steps of the optimiser, in place of `epochs`. */
  steps?: number
  /** Examples of a batch. Default 32; windows of text 8. */
  batch?: number
  /** Batches whose gradients are added up for one step. Default 1. */
  accumulate?: number
  /** The highest learning rate. Default 5e-5; 1e-4 where weights are removed. */
  learningRate?: number
  /** Share of the steps in which the learning rate rises from 0. Default 0.06. */
  warmUp?: number
  /** How the learning rate falls after that: `linear`, `cosine` or `constant`. Default `linear`. */
  rateSchedule?: string
  /** Share of the highest learning rate at the end. Default 0.01. */
  endRate?: number
  /** Weight decay, apart from the gradient; norms and biases have none. Default 0. */
  weightDecay?: number
  /** Euclidean norm to which the gradient of a step is clipped; 0 does not clip. Default 1, and 0 for method `mgpp`, as in its paper. */
  clip?: number
  /** Seed of the order of the examples, of a new head, and of what is held out. */
  seed?: number
  /** Steps between two measurements on the held-out examples, of which 512 at most count. Default: a tenth of the training, 200 at most. */
  evaluateEvery?: number
  /** Measurements without a better one after which the training ends. Default: it goes on to its end. */
  patience?: number
  /** Share of `data` that is held out where no file `heldOut` is given, 0 to 0.5. Default 0.05. */
  heldOutShare?: number
  /** Share of the weights of the target matrices to remove while learning, all together, 0 to 0.99. Default 0. */
  sparsity?: number
  /** How weights are removed, an id of the table of pruners. Default: `mgpp` with a `sparsity`, else `dense`. */
  method?: string
  /** Share of the target weights that the first cut removes. Default 0.3. */
  initialSparsity?: number
  /** Share of the steps before the first cut. Default 0.1. */
  pruneStart?: number
  /** Share of the steps after which the zeros are final. Default 0.9. */
  pruneEnd?: number
  /** Steps between two cuts. Default 10. */
  pruneEvery?: number
  /** Parameters of the pruner, by name. (In TypeScript they stand among the other options.) */
  params?: { [key in string]: number }
  /** Weight of what the model computed before it learned, beside the labels of the task, 0 to 1. Default 0. */
  distill?: number
  /** Patterns (`*`) of names of tensors that do not learn. */
  freeze?: Array<string>
  /** Peak memory that the run may use, in bytes; 0 = no limit. Refused before the start if it cannot be kept. */
  maxMemoryBytes?: number
  /** Worker threads; 0 = all. */
  threads?: number
}

/** A measurement during a training. */
export type LearningPoint = {
  /** Steps done. */
  step: number
  /** Mean loss of the steps since the measurement before. */
  loss?: number
  /** Loss of the held-out examples. */
  heldOut?: number
  /** Learning rate. */
  learningRate: number
  /** Share of the target weights that the last cut removed; between two cuts some of them may be back. */
  sparsity: number
}

/** What `finetune` did. */
export type FinetuneReport = {
  /** Folder of the result. */
  out: string
  /** Architecture id. */
  architecture: string
  /** Kind of task. */
  task: string
  /** How weights were removed. */
  method: string
  /** Names of the labels of a classifier. */
  labels?: Array<string>
  /** Examples that were learned from. */
  examples: number
  /** Examples that were only measured: 512 at most on the way; `measured` is of all. */
  heldOutExamples: number
  /** Examples that were cut at `maxTokens`. */
  truncated: number
  /** Weights that learned. */
  learned: number
  /** Share of the target weights that are zero in the result. */
  sparsity: number
  /** Steps done. */
  steps: number
  /** Step of the result: that with the least held-out loss. */
  bestStep: number
  /** Held-out loss before the first step. */
  lossBefore: number
  /** Held-out loss of the result. */
  lossAfter: number
  /** The way there. */
  curve: Array<LearningPoint>
  /** What the result does on the file `heldOut`, as `evaluate` measures it. */
  measured?: Evaluation
  /** Bytes of all files. */
  outputBytes: number
  /** Tokens that went through the network to learn. */
  tokens: number
  /** Wall time. */
  seconds: number
  /** Id of the instruction set. */
  isa: string
  /** Worker threads. */
  threads: number
  /** Peak memory of the process. */
  peakRssBytes: number
  /** Peak memory as planned. */
  plannedPeakBytes: number
  /** Things a user should know. */
  notes: Array<string>
}

/** What a router skipped. A pair is a token that comes to a block. */
export type Routing = {
  /** Id of the router. */
  router: string
  /** Mean share of tokens that blocks were to skip. */
  tokenSparsity: number
  /** Share of all pairs that were skipped. */
  skipped: number
  /** Share of the pairs of prompts that were skipped. */
  promptSkipped?: number
  /** Share of the pairs of tokens behind prompts that were skipped. */
  decodingSkipped?: number
  /** Of a text: tokens of a window. */
  window?: number
  /** Of a text: tokens of a window that are its prompt. Those behind it are predicted. */
  prompt?: number
  /** Of a text: perplexity of the dense model on the same tokens. */
  densePerplexity?: number
  /** Of a text: mean KL(dense || routed), nats. */
  kl?: number
  /** Of a text: share of predictions with the same most likely token. */
  topTokenAgreement?: number
  /** Of a text: seconds of the routed model to the last hidden states. */
  seconds?: number
  /** Of a text: seconds of the dense model to the last hidden states. */
  denseSeconds?: number
}

/** `route`. */
export type RouteRequest = {
  /** Folder or file of the model, a decoder. */
  model: string
  /** Description of the architecture in JSON (a file), for a model_type that kerf does not know. */
  architecture?: string
  /** Folder of the result; without it a sibling of the model, NAME-router. */
  out?: string
  /** Folder of what is found so far; without it a hidden sibling of `out`. It is removed after success. */
  workDir?: string
  /** Replace a result of kerf that is at `out` already. */
  force?: boolean
  /** Calibration text. */
  calibration?: Calibration
  /** How it is searched and learned. */
  options?: RouteOptions
}

/** How a router is made. Every option has a default. */
export type RouteOptions = {
  /** Mean share of tokens that each block skips, more than 0, at most 0.95. Default 0.3. */
  tokenSparsity?: number
  /** Which router, an id of the list of routers. Default `static`. */
  router?: string
  /** Most tokens of calibration text; a quarter of its windows is held out, to measure. Default 8192. */
  tokens?: number
  /** Generations of the search; 0 takes the best of its starts. Default 20. */
  generations?: number
  /** Changed schedules in each generation. Default 16. */
  offspring?: number
  /** Of a router that learns: steps of the optimiser. Default 300. */
  steps?: number
  /** Of a router that learns: the highest learning rate. Default 0.003. */
  learningRate?: number
  /**
   * Of a router that learns: rank of two thin matrices for each block that a skipped token is multiplied by in its place; 0 has none.
   * Default 0.
   */
  rank?: number
  /** Seed of everything random. */
  seed?: number
  /** Peak memory that the run may use, in bytes; 0 = no limit. Refused before the start if it cannot be kept. */
  maxMemoryBytes?: number
  /** Worker threads; 0 = all. */
  threads?: number
}

/**
 * What a router does on windows of text that were held out. Of each window the first three quarters are a routed prompt, and the rest is
 * predicted through the decoding path.
 */
export type RouterMeasure = {
  /** Id of the router. */
  router: string
  /** `uniform` (the same sparsity in each block) or `searched`. */
  schedule: string
  /** Share of pairs of a token and a block that were skipped. */
  skipped: number
  /** Perplexity. */
  perplexity: number
  /** Mean KL(dense || routed), nats. */
  kl: number
  /** Share of predictions with the same most likely token. */
  topTokenAgreement: number
  /** Seconds to the last hidden states. */
  seconds: number
}

/** A look at the training of a router. */
export type RouterPoint = {
  /** Steps done. */
  step: number
  /** Mean loss of the steps since the look before. */
  loss?: number
  /** KL to the dense model on text that is held out of the training, nats. */
  kl: number
  /** Share of pairs of a token and a block that were skipped there. */
  skipped: number
  /** Learning rate. */
  learningRate: number
}

/** How a router learned. */
export type RouterLearning = {
  /** Steps done. */
  steps: number
  /** Rank of what skipped tokens get; 0: nothing. */
  rank: number
  /** KL of the static rule with the same schedule, on text that is held out of the training, nats. */
  klStatic: number
  /** KL of the result there. */
  klLearned: number
  /** Whether the result is better than the static rule. Otherwise it is the start of the training. */
  improved: boolean
  /** The way there. */
  curve: Array<RouterPoint>
}

/** How long a prompt takes. */
export type PrefillTime = {
  /** Tokens of the prompt. */
  tokens: number
  /** Seconds of the dense model, the fastest of three. */
  denseSeconds: number
  /** Seconds of the routed model, the fastest of three. */
  routedSeconds: number
}

/** Which tokens of a prompt go through which blocks. */
export type KeptTokens = {
  /** Text of each token. */
  tokens: Array<string>
  /** For each block, whether each token goes through it. */
  blocks: Array<Array<boolean>>
}

/** What `route` found. */
export type RouteReport = {
  /** Folder of the result. */
  out: string
  /** Architecture id. */
  architecture: string
  /** Id of the router. */
  router: string
  /** Mean share of tokens that was asked for. */
  tokenSparsity: number
  /** Share of tokens that each block skips. */
  sparsity: Array<number>
  /** Perplexity of the dense model on the held-out windows. */
  densePerplexity: number
  /** Seconds of the dense model on the held-out windows, to the last hidden states. */
  denseSeconds: number
  /** The router that was made, and rivals, on the held-out windows. The last one is the result. */
  measured: Array<RouterMeasure>
  /** How it learned, if it did. */
  learning?: RouterLearning
  /** How long a prompt takes, dense and routed. */
  prefill: PrefillTime
  /** What becomes of the first tokens of a held-out window. */
  kept: KeptTokens
  /** Windows that were searched on. */
  windows: number
  /** Windows that were only measured. */
  heldOutWindows: number
  /** Tokens of a window. */
  window: number
  /** Tokens of a window that are its prompt. */
  prompt: number
  /** How much of the text was used; absent for what the model wrote. */
  text?: TextUse
  /** Generations of the search. */
  generations: number
  /** Bytes of all files. */
  outputBytes: number
  /** Wall time. */
  seconds: number
  /** Id of the instruction set. */
  isa: string
  /** Worker threads. */
  threads: number
  /** Peak memory of the process. */
  peakRssBytes: number
  /** Peak memory as planned. */
  plannedPeakBytes: number
  /** Things a user should know. */
  notes: Array<string>
}

/** `convert`. */
export type ConvertRequest = {
  /** Folder or file of the model. */
  model: string
  /** `safetensors` (dense, exact zeros) or `kerf`. */
  format: string
  /** Folder of the result. */
  out: string
  /** Replace a result of kerf that is at `out` already. */
  force?: boolean
  /** Largest file of the result, in bytes; default 5 GB. */
  maxShardBytes?: number
  /** Worker threads; 0 = all. */
  threads?: number
}

/** What `convert` wrote. */
export type Conversion = {
  /** Folder of the result. */
  out: string
  /** Bytes of all files of the source. */
  inputBytes: number
  /** Bytes of all files of the result. */
  outputBytes: number
  /** Things a user should know. */
  notes: Array<string>
}

/** A phase of the work. */
export type Stage = 'download' | 'copy' | 'plan' | 'calibrate' | 'survey' | 'search' | 'statistics' | 'solve' | 'forward' | 'recover' | 'learn' | 'measure' | 'write' | 'evaluate' | 'embed' | 'classify' | 'generate'

/**
 * Progress of a call, and of one stage of it. A stage counts one thing after another: `done` of a stage and a `unit` never falls and ends
 * at `total`.
 */
export type ProgressEvent = {
  /** Which phase. */
  stage: Stage
  /** Units done. */
  done: number
  /** Units in all. */
  total: number
  /** What is counted: `blocks`, `matrices`, `tokens`, `bytes`, `texts`, `steps`. */
  unit: string
  /** What is being worked on: a block, a tensor, a file, or a piece of generated text. */
  name: string
  /**
   * Share of the whole call that is done, 0 to 1. It never falls, ends at 1, and grows about as time passes; a run that goes on
   * after an interruption begins with what was done before.
   */
  overall: number
}

/** Functions of the core. */
export const COMMANDS = [
  'inspect',
  'open',
  'memory',
  'close',
  'plan',
  'compress',
  'evaluate',
  'compare',
  'generate',
  'embed',
  'classify',
  'convert',
  'finetune',
  'route',
] as const

/** Ids of the method table. */
export const METHODS = [
  'rtn',
  'magnitude',
  'wanda',
  'obs',
  'descent',
  'admm',
  'joint',
  'entropy',
] as const

/** Ids of the schedule table. */
export const SCHEDULES = [
  'uniform',
  'error-levels',
  'owl',
  'probe',
  'search',
] as const

/** What a schedule gives a share of its own. */
export const GRANULARITIES = [
  'nested',
  'matrix',
  'block',
] as const

/** What makes losses of different matrices comparable. */
export const LOSS_SCALES = [
  'weights',
  'output',
] as const

/** Parameters of methods, each an option. */
export const METHOD_PARAMS = {
  sweeps: { kind: 'integer', least: 0, most: 10000, methods: ['descent', 'joint', 'entropy'], about: "Sweeps of coordinate descent over the codes. From 0 to 10000. For `descent`, `joint`, `entropy`. Default 2 (1 at quality `fast`, 8 at `best`)." },
  iterations: { kind: 'integer', least: 0, most: 10000, methods: ['admm', 'joint'], about: "Iterations of the search for what survives, or of the refit of what `keepMask` keeps; 0 does what `obs` would do. From 0 to 10000. For `admm`, `joint`. Default 8 (0 at quality `fast`, 60 at `best`)." },
} as const

/** Kinds of tasks. */
export const TASKS = [
  'classification',
  'similarity',
  'language',
  'answering',
  'completion',
] as const

/** What the file of a task looks like. */
export const TASK_FORMS = {
  classification: "a line each: text, tab, label; or text, tab, text, tab, label",
  similarity: "CSV without a header: sentence, sentence, score",
  language: "text; an empty line ends a document",
  answering: "JSON of SQuAD: data, paragraphs, context, qas, question, answers",
  completion: "JSON lines or CSV with a header: prompt and completion, or good and bad",
} as const

/** Ids of the table of pruners. */
export const PRUNERS = [
  'mgpp',
  'gradual',
  'l2',
  'movement',
  'platon',
  'dense',
] as const

/** What each pruner does, in one line. */
export const PRUNER_ABOUT = {
  mgpp: "removes the smallest weights under a mixture-Gaussian prior, which keeps those at zero that do not matter",
  gradual: "removes the smallest weights, more and more",
  l2: "removes the smallest weights, and pulls all towards zero meanwhile",
  movement: "removes the weights that move towards zero",
  platon: "removes the weights that matter least to the loss, unless that is uncertain",
  dense: "learns and removes nothing",
} as const

/** Parameters of pruners, each an option. */
export const PRUNER_PARAMS = {
  slab: { kind: 'real', least: 0.000001, most: 10, methods: ['mgpp', 'l2'], about: "Variance of the wide part of the prior of weights, 0.000001 to 10. For method `mgpp`, `l2`. Default 0.1." },
  spike: { kind: 'real', least: 0, most: 1, methods: ['mgpp'], about: "Variance of the narrow part of the prior of weights, as the paper gives it (1e-10, 1e-9); 0 takes it from the step size, by `reach`, 0 to 1. For method `mgpp`. Default 0." },
  reach: { kind: 'real', least: 0.01, most: 100, methods: ['mgpp'], about: "Where narrow and wide part of the prior are equally likely, in steps of the optimiser (`learningRate`), where `spike` is 0, 0.01 to 100. For method `mgpp`. Default 1.5." },
  lambda: { kind: 'real', least: 0.000000000001, most: 0.999, methods: ['mgpp'], about: "Probability of the wide part of the prior at the first cut, 0.000000000001 to 0.999. For method `mgpp`. Default 0.1." },
  lambdaEnd: { kind: 'real', least: 0.000000000001, most: 0.999, methods: ['mgpp'], about: "Probability of the wide part of the prior at the last cut, 0.000000000001 to 0.999. For method `mgpp`. Default 0.0001." },
  window: { kind: 'integer', least: 1, most: 1000, methods: ['platon'], about: "Steps over which the importance of a weight is averaged, 1 to 1000. For method `platon`. Default 10." },
  smoothing: { kind: 'real', least: 0, most: 0.999, methods: ['platon'], about: "Share of the importance so far that stays when a window is added, 0 to 0.999. For method `platon`. Default 0.85." },
  doubt: { kind: 'real', least: 0, most: 0.999, methods: ['platon'], about: "Share of the uncertainty so far that stays when a window is added, 0 to 0.999. For method `platon`. Default 0.95." },
} as const

/** How a learning rate may fall. */
export const RATE_SCHEDULES = [
  'linear',
  'cosine',
  'constant',
] as const

/** Routers that can be made. */
export const ROUTERS = [
  'static',
  'mlp',
] as const

/** Routers that need no folder. */
export const ROUTER_RULES = [
  'static',
  'random',
] as const

/** Named sizes of the option `preset`. */
export const PRESETS = [
  'safe',
  'light',
  'compact',
  'small',
  'tiny',
] as const

/** What to expect of each preset, in one line. */
export const PRESET_ABOUT = {
  safe: "8 bits, no calibration: the loss is too small to measure",
  light: "5 bits, calibrated: hard to tell from the original; what is done without any size",
  compact: "4 bits, calibrated: close to the original",
  small: "3 bits, calibrated: a small language model gets noticeably worse",
  tiny: "2 bits, calibrated: for encoders; most small language models break",
} as const

/** Named efforts of the option `quality`. */
export const QUALITIES = [
  'fast',
  'balanced',
  'best',
] as const

/** Ids of the format table. */
export const FORMATS = [
  'kerf',
  'safetensors',
  'compressed-tensors',
  'gguf-q4_0',
  'gguf-q8_0',
] as const

/** Ids of the instruction sets. */
export const ISAS = [
  'portable',
  'avx2',
  'avx512',
  'neon',
  'simd128',
] as const

/** Ids of the architectures that kerf can run. */
export const ARCHITECTURES = [
  'llama',
  'mistral',
  'qwen2',
  'qwen3',
  'smollm3',
  'gemma',
  'gemma2',
  'gemma3',
  'gpt2',
  'gpt_neox',
  'opt',
  'phi',
  'phi3',
  'bert',
  'roberta',
  'distilbert',
  'mpnet',
  'modernbert',
  'nomic_bert',
  'nomic_bert_hub',
] as const

/** Codes of all errors of the core. */
export const ERROR_CODES = [
  'ALREADY_COMPRESSED',
  'ALREADY_QUANTIZED',
  'BAD_ADAPTER',
  'BAD_ARCHITECTURE',
  'BAD_CONFIG',
  'BAD_CONTAINER',
  'BAD_HEADER',
  'BAD_INDEX',
  'BAD_OPTION',
  'BAD_PAIRS',
  'BAD_REQUEST',
  'BAD_ROUTER',
  'BAD_SCALE',
  'BAD_TASK_DATA',
  'BAD_TOKEN',
  'BAD_TOKENIZER',
  'BROKEN_LINK',
  'CALIBRATION_EMPTY',
  'CALIBRATION_POOR',
  'CANCELLED',
  'CONTAINER_VERSION',
  'DISK_FULL',
  'EMPTY',
  'FORMAT_UNSUPPORTED',
  'GGUF_UNSUPPORTED',
  'INTERNAL',
  'IO',
  'LOSS_NOT_FINITE',
  'LOSS_TOO_HIGH',
  'MEMORY_LIMIT',
  'METHOD_NEEDS_ARCHITECTURE',
  'NON_FINITE',
  'NOTHING_TO_COMPRESS',
  'NOT_A_MODEL',
  'NOT_FINITE',
  'NOT_FOUND',
  'NOT_UTF8',
  'NO_TOKENIZER',
  'OUTPUT_EXISTS',
  'OUT_OF_MEMORY',
  'RESERVED_NAME',
  'ROUTER_VERSION',
  'SCHEDULE_NEEDS_ARCHITECTURE',
  'STRICT',
  'TENSOR_MISSING',
  'TOO_FEW_EXAMPLES',
  'TOO_LONG',
  'TRUNCATED',
  'UNKNOWN_ARCHITECTURE',
  'WORK_DIR_BUSY',
  'WRONG_DTYPE',
  'WRONG_KIND',
  'WRONG_MODEL',
  'WRONG_SHAPE',
] as const

/**
 * Code of an error of the core.
 *
 * - `ALREADY_COMPRESSED`: The model was compressed before.
 * - `ALREADY_QUANTIZED`: Another program has quantized the weights, in a scheme that kerf does not read.
 * - `BAD_ADAPTER`: The adapter beside the model cannot be merged into it. `field` is a field of the adapter's configuration or one of its tensors.
 * - `BAD_ARCHITECTURE`: A description of an architecture breaks a rule.
 * - `BAD_CONFIG`: A small file of a model folder lacks a field or has a value that it cannot have. config.json lacks a field or has a bad value.
 * - `BAD_CONTAINER`: A kerf container contradicts the specification of the container.
 * - `BAD_HEADER`: The header of a file contradicts itself, the size of the file, or the limits.
 * - `BAD_INDEX`: The index names a shard that does not exist, or a tensor that its shard does not have.
 * - `BAD_OPTION`: An option has a value that it cannot have, or may not be given beside others.
 * - `BAD_PAIRS`: A pairs file that breaks the rules.
 * - `BAD_REQUEST`: An unknown function, an unknown or missing field, a value of a wrong type.
 * - `BAD_ROUTER`: A folder that is no router, or a damaged one.
 * - `BAD_SCALE`: A quantized matrix has a scale that its format does not allow.
 * - `BAD_TASK_DATA`: A file of examples for a task that breaks the rules.
 * - `BAD_TOKEN`: A token id outside the vocabulary.
 * - `BAD_TOKENIZER`: The tokenizer cannot be used.
 * - `BROKEN_LINK`: A link in a model folder leads to nothing.
 * - `CALIBRATION_EMPTY`: A method with calibration got nothing to calibrate on.
 * - `CALIBRATION_POOR`: `strict` is set and the calibration text says too little.
 * - `CANCELLED`: The host asked to stop. Work done so far is kept.
 * - `CONTAINER_VERSION`: This program does not know the version of a kerf container.
 * - `DISK_FULL`: The disk became full while writing. No file under the final name was touched.
 * - `EMPTY`: Nothing to compute on.
 * - `FORMAT_UNSUPPORTED`: The output format cannot hold this model.
 * - `GGUF_UNSUPPORTED`: A GGUF file of another program needs something that kerf does not support. `field` is one of its keys or tensors.
 * - `INTERNAL`: A bug in kerf.
 * - `IO`: The operating system refused a read or a write; `kind` is the io::ErrorKind.
 * - `LOSS_NOT_FINITE`: The loss, or its gradient, is no number.
 * - `LOSS_TOO_HIGH`: The result lost more than `maxLoss` allows. It is whole, under another name.
 * - `MEMORY_LIMIT`: The run cannot keep to the memory that it was given.
 * - `METHOD_NEEDS_ARCHITECTURE`: The method needs the network to run, and its architecture is not known.
 * - `NON_FINITE`: A weight is NaN or infinite.
 * - `NOTHING_TO_COMPRESS`: The model has no matrix to compress.
 * - `NOT_A_MODEL`: The path holds nothing that could be a model.
 * - `NOT_FINITE`: What a model computes is NaN or infinite.
 * - `NOT_FOUND`: A file or folder does not exist.
 * - `NOT_UTF8`: A text file that is not UTF-8.
 * - `NO_TOKENIZER`: The function needs text, and the model has no tokenizer.
 * - `OUTPUT_EXISTS`: The output folder exists already.
 * - `OUT_OF_MEMORY`: A module in a browser got no more memory.
 * - `RESERVED_NAME`: The output format gives names of this kind another meaning.
 * - `ROUTER_VERSION`: A router that another version of kerf wrote.
 * - `SCHEDULE_NEEDS_ARCHITECTURE`: Shares or bits are to be decided by a survey, which needs the network to run, and its architecture is not known.
 * - `STRICT`: `strict` is set and a repair was needed.
 * - `TENSOR_MISSING`: The model lacks a tensor that is needed.
 * - `TOO_FEW_EXAMPLES`: There is nothing to learn from, or nothing to measure on.
 * - `TOO_LONG`: A sequence longer than the model's position table.
 * - `TRUNCATED`: A file is shorter than its header says.
 * - `UNKNOWN_ARCHITECTURE`: The architecture is not in the table.
 * - `WORK_DIR_BUSY`: Another process works in the same work folder.
 * - `WRONG_DTYPE`: A tensor's type is not one that can be computed on.
 * - `WRONG_KIND`: The operation needs another kind of model.
 * - `WRONG_MODEL`: A schedule, or a router, of another model.
 * - `WRONG_SHAPE`: A tensor has another shape than the configuration says.
 */
export type ErrorCode = (typeof ERROR_CODES)[number]

/** What an option is when it is not given; those that are absent here depend on others. */
export const DEFAULT_OPTIONS = {
  targetBits: 5.0,
  bits: 4,
  groupSize: 128,
  method: 'entropy',
  schedule: 'probe',
  granularity: 'nested',
  levels: 6,
  slope: 0.15,
  lossScale: 'output',
  generations: 40,
  embeddingBits: 6,
  headBits: 8,
  embeddingSparsity: 0.0,
  tokens: 16384,
  dampingRel: 0.01,
  blend: 0.5,
  maxMemoryBytes: 0,
  threads: 0,
  seed: 0,
  strict: false,
  format: 'kerf',
  maxShardBytes: 5000000000,
  sweeps: 2,
  iterations: 8,
} as const satisfies Options
