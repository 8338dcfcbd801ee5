import type { RunOptions } from '../call.js'
import { generate } from '../generate.js'
import type { Size } from '../size.js'
import type { Model } from '../source.js'
import { nearest, type Neighbour } from './nearest.js'
import type { NearestText, QualitySample } from './quality.js'

const NEW_TOKENS = 48
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

/** Greedy continuations of prompts by both models. At least one, then as many as a minute allows. */
export async function continuations(both: Both, prompts: readonly string[]): Promise<QualitySample[]> {
  const started = performance.now()
  const samples: QualitySample[] = []
  const { machine, run } = both
  const options = {
    maxTokens: NEW_TOKENS,
    temperature: 0,
    ...machine,
    ...(run.signal && { signal: run.signal }),
  }
  for (const prompt of prompts) {
    if (samples.length > 0 && performance.now() - started > PATIENCE_MS) break
    const before = await generate(both.original, prompt, options)
    const after = await generate(both.small, prompt, options)
    samples.push({ kind: 'continuation', prompt, before: before.text, after: after.text })
  }
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
