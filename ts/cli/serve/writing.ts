// What text completions and answers of a chat share: options, one answer, or a stream of pieces.
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { RunOptions } from '../../call.js'
import type { GenerateOptions } from '../../generate.js'
import type { Generation } from '../../generated/index.js'
import { flag, number, stops, type Body } from './fields.js'
import { bodyOf } from './refusal.js'
import type { Limits, Waiting } from './limits.js'

/** Fields that {@link optionsOf} reads. */
export const WRITING = [
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'top_k',
  'repetition_penalty',
  'seed',
  'stop',
  'stream',
  'n',
] as const

/** What is written how. */
export type Wanted = GenerateOptions & RunOptions

/** Options of the core. `usual`: tokens where the request does not say. */
export function optionsOf(body: Body, limits: Limits, usual: number): Wanted {
  number(body, 'n', 1, 1, true)
  const most = limits.maxTokens
  const maxTokens =
    number(body, 'max_completion_tokens', 1, most, true) ??
    number(body, 'max_tokens', 1, most, true) ??
    Math.min(usual, most)
  const options = {
    temperature: number(body, 'temperature', 0, 2),
    topP: number(body, 'top_p', 0.000001, 1),
    topK: number(body, 'top_k', 0, 1_000_000, true),
    repetitionPenalty: number(body, 'repetition_penalty', 0.01, 100),
    seed: number(body, 'seed', 0, Number.MAX_SAFE_INTEGER, true),
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return { ...Object.fromEntries(given), maxTokens, stop: stops(body), ...limits.run }
}

/** What an answer or a piece of one looks like. */
export interface Shape {
  /** Begins the id of an answer. */
  id: string
  /** Value of `object`, and of pieces of a stream. */
  objects: [whole: string, piece: string]
  /** The choice of a whole answer. */
  whole: (text: string) => object
  /** The choice of a piece; `undefined` is the last one, which has no text. */
  piece: (text: string | undefined, isFirst: boolean) => object
}

/** `stop` for whatever ends a text by itself. */
const reason = ({ finish }: Generation): string => (finish === 'length' ? 'length' : 'stop')

const usage = ({ promptTokens, tokens }: Generation): object => ({
  prompt_tokens: promptTokens,
  completion_tokens: tokens,
  total_tokens: promptTokens + tokens,
})

/** Answers a request: whole, or as server-sent events. A client that is gone stops the work. */
export async function answer(
  context: Context,
  body: Body,
  { name: model, waiting }: { name: string; waiting: Waiting },
  shape: Shape,
  write: (run: RunOptions & Pick<GenerateOptions, 'onToken'>) => Promise<Generation>,
): Promise<Response> {
  const head = { id: `${shape.id}-${crypto.randomUUID()}`, created: Math.floor(Date.now() / 1000), model }
  const { signal } = context.req.raw
  if (!flag(body, 'stream')) {
    const written = await write({ signal })
    const choice = { index: 0, ...shape.whole(written.text), logprobs: null, finish_reason: reason(written) }
    return context.json({ ...head, object: shape.objects[0], choices: [choice], usage: usage(written) })
  }
  const { stream_options } = body as { stream_options?: { include_usage?: boolean } }
  const leave = waiting.hold()
  return streamSSE(context, async stream => {
    const stop = new AbortController()
    stream.onAbort(() => stop.abort())
    const tell = (choices: object[], more: object = {}): Promise<void> =>
      stream.writeSSE({ data: JSON.stringify({ ...head, object: shape.objects[1], choices, ...more }) })
    let isFirst = true
    const onToken = (text: string): void => {
      void tell([{ index: 0, ...shape.piece(text, isFirst), logprobs: null, finish_reason: null }])
      isFirst = false
    }
    try {
      const written = await write({ signal: AbortSignal.any([signal, stop.signal]), onToken })
      await tell([
        { index: 0, ...shape.piece(undefined, isFirst), logprobs: null, finish_reason: reason(written) },
      ])
      if (stream_options?.include_usage === true) await tell([], { usage: usage(written) })
      await stream.writeSSE({ data: '[DONE]' })
    } catch (error) {
      // The status is sent already; clients look for this object.
      await stream.writeSSE({ data: JSON.stringify(bodyOf(error).body) })
    } finally {
      leave()
    }
  })
}
