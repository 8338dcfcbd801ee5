// Errors as OpenAI's API has them.
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** A request that is not done: the status, and what the client is told. */
export class Refusal extends Error {
  constructor(
    readonly status: ContentfulStatusCode,
    readonly code: string,
    message: string,
    /** The field of the request that is wrong. */
    readonly field?: string,
  ) {
    super(message)
  }
}

/** A field that is not what it must be. */
export const badField = (field: string, expected: string): Refusal =>
  new Refusal(400, 'invalid_value', `\`${field}\`: expected ${expected}`, field)

/** Status by code of the core; others are the client's fault. */
const STATUS: Readonly<Record<string, ContentfulStatusCode>> = {
  OUT_OF_MEMORY: 503,
  MEMORY_LIMIT: 503,
  CLOSED: 503,
  INTERNAL: 500,
  IO: 500,
  NON_FINITE: 500,
  NOT_FINITE: 500,
}

/** What an error looks like to a client. Errors of the core keep their code. */
export function bodyOf(error: unknown): { status: ContentfulStatusCode; body: object } {
  if (error instanceof Refusal) {
    const { status, code, message, field } = error
    return { status, body: { error: { message, type: typeOf(status), param: field ?? null, code } } }
  }
  const { code, message } = error as { code?: unknown; message?: unknown }
  const known = typeof code === 'string'
  const status = known ? (STATUS[code] ?? 400) : 500
  const text = known ? String(message) : 'the server failed'
  return {
    status,
    body: { error: { message: text, type: typeOf(status), param: null, code: known ? code : 'INTERNAL' } },
  }
}

/** Answers with an error. */
export function refuse(context: Context, error: unknown): Response {
  const { status, body } = bodyOf(error)
  return context.json(body, status)
}

const typeOf = (status: number): string =>
  status === 429 ? 'rate_limit_error' : status < 500 ? 'invalid_request_error' : 'server_error'
