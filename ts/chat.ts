// From a conversation to the prompt that a model was trained on.
import { badOption, type Rule } from './check.js'
import { KerfError } from './errors.js'
import type { ChatFormat } from './generated/index.js'

/** A message of a conversation. */
export interface ChatMessage {
  /** Who speaks: `system`, `user`, `assistant`, or what else the template of the model knows. */
  role: string
  /** What is said. */
  content: string
}

const isMessage = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  'role' in value &&
  typeof value.role === 'string' &&
  'content' in value &&
  typeof value.content === 'string'

/** Messages of a conversation, one at least. */
export const messages: Rule = {
  expected: 'an array of messages { role, content }, one at least',
  test: value => Array.isArray(value) && value.length > 0 && value.every(isMessage),
}

/**
 * The prompt behind which the model answers, special tokens included: what `apply_chat_template` of transformers gives with
 * `add_generation_prompt`. `NO_CHAT_TEMPLATE`; `BAD_CHAT_TEMPLATE` for what the template says of these messages.
 */
export async function conversation(
  format: ChatFormat | undefined,
  given: readonly ChatMessage[],
): Promise<string> {
  if (!messages.test(given)) throw badOption('messages', messages.expected, given)
  if (!format) {
    const message =
      'the model has no chat template (`chat_template` of tokenizer_config.json, or chat_template.jinja); use `generate` with a prompt of your own'
    throw new KerfError({ code: 'NO_CHAT_TEMPLATE', message, details: {} })
  }
  const { template, bosToken, eosToken, padToken } = format
  const { render } = await import('./chat-template.js')
  try {
    return render(template, {
      messages: given.map(({ role, content }) => ({ role, content })),
      add_generation_prompt: true,
      bos_token: bosToken ?? '',
      eos_token: eosToken ?? '',
      pad_token: padToken ?? '',
    })
  } catch (error) {
    const reason = (error as Error).message
    const message = `the chat template of the model refuses the conversation: ${reason}`
    throw new KerfError({ code: 'BAD_CHAT_TEMPLATE', message, details: { reason } }, { cause: error })
  }
}
