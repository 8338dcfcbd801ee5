// POST /v1/completions and POST /v1/chat/completions
import type { Context } from 'hono'
import type { ChatMessage } from '../../chat.js'
import type { OpenModel } from '../../open.js'
import { refuseOthers, texts, type Body } from './fields.js'
import type { Limits, Waiting } from './limits.js'
import { badField } from './refusal.js'
import { answer, optionsOf, WRITING, type Shape } from './writing.js'

/** What is served. */
export interface Served {
  model: OpenModel
  name: string
  limits: Limits
  waiting: Waiting
}

/** Tokens where a request does not say: as OpenAI's API has it for completions, and a paragraph or two for a chat. */
const USUAL = { completion: 16, chat: 512 }

const COMPLETION: Shape = {
  id: 'cmpl',
  objects: ['text_completion', 'text_completion'],
  whole: text => ({ text }),
  piece: text => ({ text: text ?? '' }),
}

const CHAT: Shape = {
  id: 'chatcmpl',
  objects: ['chat.completion', 'chat.completion.chunk'],
  whole: content => ({ message: { role: 'assistant', content, refusal: null } }),
  piece: (content, isFirst) => ({
    delta: { ...(isFirst && { role: 'assistant' }), ...(content !== undefined && { content }) },
  }),
}

/** Continues a text. */
export async function completions(context: Context, body: Body, served: Served): Promise<Response> {
  const { model, limits } = served
  refuseOthers(body, [...WRITING, 'prompt'])
  const [prompt, ...more] = texts(body, 'prompt')
  if (prompt === undefined || more.length > 0) throw badField('prompt', 'one text')
  const options = optionsOf(body, limits, USUAL.completion)
  return answer(context, body, served, COMPLETION, run => model.generate(prompt, { ...options, ...run }))
}

/** Answers a conversation. */
export async function chatCompletions(context: Context, body: Body, served: Served): Promise<Response> {
  const { model, limits } = served
  refuseOthers(body, [...WRITING, 'messages', 'response_format'])
  const { response_format: form } = body as { response_format?: { type?: unknown } | null }
  if (form && form.type !== 'text') throw badField('response_format', '{ "type": "text" }')
  const messages = messagesOf(body['messages'])
  const options = optionsOf(body, limits, USUAL.chat)
  return answer(context, body, served, CHAT, run => model.chat(messages, { ...options, ...run }))
}

/** Messages whose content is a text, or parts that are all text. */
function messagesOf(value: unknown): ChatMessage[] {
  if (!Array.isArray(value) || value.length === 0)
    throw badField('messages', 'an array of messages, one at least')
  return value.map((message: unknown, index) => {
    const { role, content } = (message ?? {}) as { role?: unknown; content?: unknown }
    const text = textOf(content)
    if (typeof role !== 'string' || text === undefined) {
      throw badField(`messages[${index}]`, 'a message with a role and text as its content')
    }
    return { role, content: text }
  })
}

function textOf(content: unknown): string | undefined {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return undefined
  const parts = content.map((part: unknown) => {
    const { type, text } = (part ?? {}) as { type?: unknown; text?: unknown }
    return type === 'text' && typeof text === 'string' ? text : undefined
  })
  return parts.every(part => part !== undefined) ? parts.join('') : undefined
}
