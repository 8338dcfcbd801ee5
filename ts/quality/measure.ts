import { backend } from '../backend/backend.js'
import type { RunOptions } from '../call.js'
import { compare } from '../compare.js'
import { embed } from '../embed.js'
import { KerfError } from '../errors.js'
import type { ProgressEvent } from '../generated/index.js'
import type { MeasureOptions } from '../measure.js'
import type { Size } from '../size.js'
import type { FileSource, Model, WithSources } from '../source.js'
import { partOf } from '../overall.js'
import { meanCosine } from './nearest.js'
import { promptsOf } from './prompts.js'
import { PROSE } from './prose.js'
import type { Quality } from './quality.js'
import { continuations, MOST_SENTENCES, neighbours, type Both } from './samples.js'
import { SENTENCES } from './sentences.js'

const SHIPPED = 'a sample that ships with kerf'
/** Share of a decoder's measuring after which the two models write. */
const WRITING_BEGINS = 0.6

/** What quality is measured on; without files on a sample that ships with kerf. */
export interface QualityJob {
  original: Model
  small: string
  /** Of `inspect`. */
  kind: string
  evalText?: string | FileSource | undefined
  evalPairs?: string | FileSource | undefined
  /** The calibration text, if it was a file. */
  calibration?: string | FileSource | undefined
  threads?: number | undefined
  /** Kept by everything that measures. */
  maxMemory?: Size | undefined
}

/** Measures both models on the same text, and lets both answer the same prompts. Errors: those of `compare` and `generate`. */
export async function measureQuality(job: QualityJob, run: RunOptions): Promise<Quality> {
  const { original, small, threads, maxMemory } = job
  const machine = { ...(threads !== undefined && { threads }), ...(maxMemory !== undefined && { maxMemory }) }
  const both = { original, small, machine, run: asEvaluation(run) }
  const text = job.evalText === undefined ? undefined : await backend().files.read(job.evalText)
  const quality = await (job.kind === 'decoder' ? decoder : encoder)(both, job, text)
  const { files } = backend()
  const isSame = (file: string | FileSource | undefined): boolean =>
    file !== undefined && job.calibration !== undefined && files.isSame(file, job.calibration)
  return { ...quality, onCalibrationText: isSame(job.evalText) || isSame(job.evalPairs) }
}

/** Pairs are for encoders, which have vectors; the core would take them for a decoder's hidden states too. */
async function decoder(both: Both, { evalText }: QualityJob, text: string | undefined): Promise<Quality> {
  const source = evalText === undefined ? { text: PROSE } : { textFile: evalText }
  const { original, small, kl, topTokenAgreement } = await compared(part(both, 0, WRITING_BEGINS), source)
  const samples = await continuations(part(both, WRITING_BEGINS, 1), promptsOf(text))
  return {
    kind: 'decoder',
    measuredOn: nameOf(evalText) ?? SHIPPED,
    onCalibrationText: false,
    original,
    small,
    ...(kl !== undefined && { kl }),
    ...(topTokenAgreement !== undefined && { topTokenAgreement }),
    samples,
  }
}

async function encoder(both: Both, job: QualityJob, text: string | undefined): Promise<Quality> {
  const lines = text === undefined ? SENTENCES : sentencesOf(text, nameOf(job.evalText) ?? '')
  const turn = job.evalPairs === undefined ? 0 : await shareOfPairs(job.evalPairs, lines)
  const middle = (turn + 1) / 2
  const told = counted(both.run)
  const pairs =
    job.evalPairs === undefined
      ? undefined
      : await compared(part({ ...both, run: told.run }, 0, turn), { pairs: job.evalPairs })
  const started = performance.now()
  const rest = 2 * lines.length
  const before = await embedded(part(both, turn, middle), both.original, lines, told.after(0, rest))
  const after = await embedded(part(both, middle, 1), both.small, lines, told.after(lines.length, rest))
  const measures = { seconds: (performance.now() - started) / 1000, notes: [] }
  const mean = pairs?.meanCosine ?? meanCosine(before, after)
  return {
    kind: 'encoder',
    measuredOn: nameOf(job.evalPairs) ?? nameOf(job.evalText) ?? SHIPPED,
    onCalibrationText: false,
    original: pairs?.original ?? measures,
    small: pairs?.small ?? measures,
    meanCosine: mean,
    ...(pairs === undefined && { sentences: lines.length }),
    samples: neighbours(lines, before, after),
  }
}

function compared(
  { original, small, machine, run }: Both,
  on: WithSources<MeasureOptions>,
): ReturnType<typeof compare> {
  return compare(original, small, { ...on, ...machine, ...run })
}

/** The same two models, in a part of the work that is told. */
function part(both: Both, from: number, to: number): Both {
  return { ...both, run: partOf(both.run, from, to) }
}

/** Share of the bytes of both that are those of the pairs; of a long file, of its beginning. */
async function shareOfPairs(pairs: string | FileSource, lines: readonly string[]): Promise<number> {
  const { length } = await backend().files.read(pairs)
  return length / (length + lines.reduce((sum, line) => sum + line.length, 1))
}

/** Where a stage goes on to count texts: after those that were counted before. */
type Count = (event: ProgressEvent) => ProgressEvent

/** Remembers how many texts were counted. */
function counted({ onProgress, ...others }: RunOptions): {
  run: RunOptions
  after: (offset: number, rest: number) => Count
} {
  let before = 0
  const listen = (event: ProgressEvent): void => {
    before = event.total
    onProgress?.(event)
  }
  return {
    run: { ...others, onProgress: listen },
    after: (offset, rest) => event => ({
      ...event,
      done: before + offset + event.done,
      total: before + rest,
    }),
  }
}

/** Vectors of one of the two models. */
function embedded(
  { machine, run }: Both,
  model: Model,
  texts: readonly string[],
  count: Count,
): Promise<Float32Array[]> {
  const onProgress = (event: ProgressEvent): void => run.onProgress?.(count(event))
  return embed(model, texts, { ...run, ...machine, onProgress })
}

/** A path as it is, and the name of what has none. */
function nameOf(file: string | FileSource | undefined): string | undefined {
  return file === undefined || typeof file === 'string' ? file : backend().files.name(file)
}

function sentencesOf(text: string, path: string): readonly string[] {
  const lines = text.split(/\r?\n/).map(line => line.trim())
  const unique = [...new Set(lines.filter(line => line.length > 0))].slice(0, MOST_SENTENCES)
  if (unique.length > 1) return unique
  const fix = 'give at least two different texts, one a line'
  throw new KerfError({
    code: 'EMPTY',
    message: `${path} has too few texts: ${fix}`,
    details: { what: path, fix },
  })
}

/** Whatever runs to measure quality is the stage `evaluate` to whoever compresses. */
function asEvaluation({ onProgress, signal }: RunOptions): RunOptions {
  const listen = (event: ProgressEvent): void => onProgress?.({ ...event, stage: 'evaluate' })
  return { ...(signal && { signal }), ...(onProgress && { onProgress: listen }) }
}
