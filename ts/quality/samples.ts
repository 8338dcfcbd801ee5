import type { RunOptions } from '../call.js'
import type { ProgressEvent } from '../generated/index.js'
import { generate } from '../generate.js'
import type { Size } from '../size.js'
import type { Model } from '../source.js'
import { nearest, type Neighbour } from './nearest.js'
import type { NearestText, QualitySample } from './quality.js'

/** Most tokens of a continuation. */
export const NEW_TOKENS = 48
/** Most sentences of a file that are embedded for the mean cosine. */
export const MOST_SENTENCES = 1000
const SHOWN_SENTENCES = 6
/** No further prompt is begun after so long: a large model writes a few tokens a second. */
const PATIENCE_MS = 60_000

/** The two models of a comparison and what all calls share. */
export interface Both {
  original: Model
  small: string
  /** Threads and memory. */
  machine: { threads?: number; maxMemory?: Size }
  run: RunOptions
}

/** Greedy continuations of prompts by both models, told as texts that are done. At least one, then as many as a minute allows. */
export async function continuations(both: Both, prompts: readonly string[]): Promise<QualitySample[]> {
  const started = performance.now()
  const samples: QualitySample[] = []
  const { machine, run } = both
  const total = 2 * prompts.length
  const tell = (done: number, overall: number, of = total): void =>
    run.onProgress?.({ stage: 'evaluate', done, total: of, unit: 'texts', name: '', overall })
  const write = async (model: Model, prompt: string, before: number): Promise<string> => {
    const onProgress = ({ overall }: ProgressEvent): void => tell(before, (before + overall) / total)
    const options = { maxTokens: NEW_TOKENS, temperature: 0, ...machine }
    const { text } = await generate(model, prompt, { ...options, ...run, onProgress })
    return text
  }
  for (const prompt of prompts) {
    if (samples.length > 0 && performance.now() - started > PATIENCE_MS) break
    const before = await write(both.original, prompt, 2 * samples.length)
    const after = await write(both.small, prompt, 2 * samples.length + 1)
    samples.push({ kind: 'continuation', prompt, before, after })
  }
  // Also where patience ended before the prompts did.
  tell(2 * samples.length, 1, 2 * samples.length)
  return samples
}

/** For some sentences, spread over the list, the nearest other one by the vectors of both models. */
export function neighbours(
  texts: readonly string[],
  before: readonly Float32Array[],
  after: readonly Float32Array[],
): QualitySample[] {
  const named = (found: Neighbour): NearestText => ({ text: texts[found.index] ?? '', cosine: found.cosine })
  const step = Math.max(1, texts.length / SHOWN_SENTENCES)
  const shown = Array.from({ length: Math.min(SHOWN_SENTENCES, texts.length) }, (_, i) =>
    Math.floor(i * step),
  )
  return shown.flatMap((index): QualitySample[] => {
    const text = texts[index] ?? ''
    const [old, now] = [nearest(before, index), nearest(after, index)]
    return old && now ? [{ kind: 'nearest', text, before: named(old), after: named(now) }] : []
  })
}
