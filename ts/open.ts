/// <reference lib="esnext.disposable" preserve="true" />
import { call, type RunOptions } from './call.js'
import { conversation, type ChatMessage } from './chat.js'
import { check, checkOptions } from './check.js'
import { classify, type Classified, type ClassifyOptions, type TextOrPair } from './classify.js'
import { embed, type EmbedOptions } from './embed.js'
import { evaluate, type EvaluateOptions } from './evaluate.js'
import { generate, type GenerateOptions } from './generate.js'
import type { ChatFormat, Evaluation, Generation, HeldModel } from './generated/index.js'
import { Held } from './held.js'
import { modelRules, type ModelOptions } from './model.js'
import { model as modelRule } from './source.js'
import { streamed } from './streamed.js'

/** Options of a call on an open model: those of the function, without what was said when the model was opened. */
type Own<O> = Omit<O, 'architecture'> & RunOptions

/** Options of an answer. */
type Chat = Own<Omit<GenerateOptions, 'specialTokens'>>

/** Lets models go that nobody holds any more. */
const forgotten = new FinalizationRegistry<number>(open => void release(open))

/**
 * A model that stays open: its tokenizer is built once, and its weights are decoded once, by the first call that needs them. Calls take
 * turns, each with a signal of its own; one that waits is cancelled at once. All functions that run a model take it in the place of a path,
 * too: `embed(model, texts)` is `model.embed(texts)`.
 */
export class OpenModel extends Held implements AsyncDisposable {
  /** `encoder` or `decoder`. */
  readonly kind: string

  private readonly format: ChatFormat | undefined

  /** @internal */
  constructor({ open, kind, chat }: HeldModel) {
    super(open)
    this.kind = kind
    this.format = chat
    forgotten.register(this, open, this)
  }

  /** See {@link embed}. */
  embed(texts: readonly string[], options: Own<EmbedOptions> = {}): Promise<Float32Array[]> {
    return embed(this, texts, options)
  }

  /** See {@link classify}. */
  classify(texts: readonly TextOrPair[], options: Own<ClassifyOptions> = {}): Promise<Classified[]> {
    return classify(this, texts, options)
  }

  /** See {@link evaluate}. */
  evaluate(options: Own<EvaluateOptions>): Promise<Evaluation> {
    return evaluate(this, options)
  }

  /** Mean negative log likelihood of the tokens of a text under a decoder, in nats; see {@link evaluate}. */
  async score(text: string, options: Own<Omit<EvaluateOptions, 'text'>> = {}): Promise<number> {
    const { nll } = await evaluate(this, { ...options, text })
    return nll ?? NaN
  }

  /**
   * See {@link generate}. With `stream` the pieces of text come as an async iterable instead; a loop that is left early cancels the
   * rest.
   *
   *     const model = await open('./my-llama')
   *     for await (const piece of model.generate('Once upon a time', { stream: true })) process.stdout.write(piece)
   */
  generate(prompt: string, options: Own<GenerateOptions> & { stream: true }): AsyncIterable<string>
  generate(prompt: string, options?: Own<GenerateOptions> & { stream?: false }): Promise<Generation>
  generate(
    prompt: string,
    { stream, ...options }: Own<GenerateOptions> & { stream?: boolean } = {},
  ): AsyncIterable<string> | Promise<Generation> {
    if (!stream) return generate(this, prompt, options)
    return streamed(options, run => generate(this, prompt, run))
  }

  /**
   * The model's answer to a conversation, by its chat template; otherwise as {@link generate}. `NO_CHAT_TEMPLATE`, `BAD_CHAT_TEMPLATE`.
   *
   *     const model = await open('./my-chat-model')
   *     const { text } = await model.chat([{ role: 'user', content: 'What is a kerf?' }])
   */
  chat(conversation: readonly ChatMessage[], options: Chat & { stream: true }): AsyncIterable<string>
  chat(conversation: readonly ChatMessage[], options?: Chat & { stream?: false }): Promise<Generation>
  chat(
    given: readonly ChatMessage[],
    { stream, ...options }: Chat & { stream?: boolean } = {},
  ): AsyncIterable<string> | Promise<Generation> {
    const work = async (run: Chat): Promise<Generation> =>
      generate(this, await conversation(this.format, given), { ...run, specialTokens: false })
    return stream ? streamed(options, work) : work(options)
  }

  /** Whether its files say how it reads a conversation. */
  get canChat(): boolean {
    return this.format !== undefined
  }

  /** Bytes of the decoded weights that it holds now; nothing before the first call that needs them. */
  async memory(): Promise<number> {
    const { bytes } = await this.turn(undefined, () => call<HeldModel>('memory', this.toJSON(), {}))
    return bytes
  }

  /** Lets it go, after the calls that are there. Later calls reject with `CLOSED`. */
  close(): Promise<void> {
    forgotten.unregister(this)
    return this.shut(() => release(this.toJSON().open))
  }

  /** {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Opens a model to run it many times: for a server, or an app that searches. A model that nobody holds any more is closed some time later;
 * `close`, or `await using`, does it now.
 *
 * Errors: `BAD_OPTION` and those of reading a model.
 *
 *     const model = await open('./all-MiniLM-L6-v2')
 *     const vectors = await model.embed(['A saw takes away the kerf.'])
 *     await model.close()
 *
 * @param model Folder as the Hugging Face hub lays it out, its id there, a single file, or what kerf wrote.
 * @param options What to be told meanwhile.
 */
export async function open(model: string, options: ModelOptions & RunOptions = {}): Promise<OpenModel> {
  check('model', model, modelRule)
  checkOptions(options, modelRules)
  const { architecture } = options
  return new OpenModel(await call<HeldModel>('open', { model, architecture }, options))
}

async function release(open: number): Promise<void> {
  await call('close', { open }, {})
}
