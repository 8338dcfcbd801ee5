// Fields of a request: what is used, what changes nothing, and what is refused because it would.
import { badField, Refusal } from './refusal.js'

/** A request's body. */
export type Body = Record<string, unknown>

/** Fields that change no answer. */
const NO_MATTER = new Set([
  'model',
  'user',
  'metadata',
  'store',
  'service_tier',
  'safety_identifier',
  'prompt_cache_key',
  'parallel_tool_calls',
  'stream_options',
])

/** Values that ask for nothing. */
const asksForNothing = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  value === 0 ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === 'object' && Object.keys(value).length === 0)

/** Refuses fields that nothing is done with, unless they ask for nothing. */
export function refuseOthers(body: Body, used: readonly string[]): void {
  for (const [field, value] of Object.entries(body)) {
    if (used.includes(field) || NO_MATTER.has(field) || asksForNothing(value)) continue
    throw new Refusal(400, 'unsupported_value', `\`${field}\` is not supported by this server`, field)
  }
}

/** A number in a range, if it is there. */
export function number(
  body: Body,
  field: string,
  least: number,
  most: number,
  whole = false,
): number | undefined {
  const value = body[field]
  if (value === undefined || value === null) return undefined
  const fits =
    typeof value === 'number' && value >= least && value <= most && (!whole || Number.isInteger(value))
  if (!fits) throw badField(field, `a ${whole ? 'whole ' : ''}number from ${least} to ${most}`)
  return value
}

/** Truth, if it is there. */
export function flag(body: Body, field: string): boolean {
  const value = body[field]
  if (value === undefined || value === null) return false
  if (typeof value !== 'boolean') throw badField(field, 'true or false')
  return value
}

/** A text or a list of them. */
export function texts(body: Body, field: string): string[] {
  const value = body[field]
  const all: unknown = typeof value === 'string' ? [value] : value
  if (!Array.isArray(all) || !all.every(text => typeof text === 'string')) {
    throw badField(field, 'a string or an array of strings')
  }
  return all as string[]
}

/** Strings that end a text. */
export function stops(body: Body): string[] {
  const value = body['stop']
  const all = value === undefined || value === null ? [] : texts(body, 'stop')
  if (all.length > 16 || all.some(text => text === ''))
    throw badField('stop', 'up to 16 strings that are not empty')
  return all
}
