import { KerfError } from './errors.js'
import { inCode, sentenceOf, UNKNOWN } from './sentences.js'
import { suggest } from './suggest.js'

/** What a parameter must be, in words and as a test. */
export interface Rule {
  expected: string
  test: (value: unknown) => boolean
  /** All that it may be, where that is a list of ids. */
  ids?: readonly string[]
  /** What a JSON Schema says of it beyond its type. */
  schema?: Readonly<Record<string, number | string | readonly number[]>>
}

/** One rule for each option a function knows; an option without a rule is refused. */
export type Rules = Readonly<Record<string, Rule>>

export const text: Rule = { expected: 'a string', test: value => typeof value === 'string' }

export const path: Rule = {
  expected: 'a path',
  test: value => typeof value === 'string' && value.length > 0 && !value.includes('\0'),
}

export const flag: Rule = { expected: 'true or false', test: value => typeof value === 'boolean' }

export const callback: Rule = { expected: 'a function', test: value => typeof value === 'function' }

export const texts: Rule = {
  expected: 'an array of strings',
  test: value => Array.isArray(value) && value.every(item => typeof item === 'string'),
}

export const abortSignal: Rule = {
  expected: 'an AbortSignal',
  test: value =>
    typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value,
}

/** A number in a range; both ends count. */
export function number(least: number, most = Infinity): Rule {
  const expected = most === Infinity ? `a number of at least ${least}` : `a number from ${least} to ${most}`
  return {
    expected,
    test: value => typeof value === 'number' && value >= least && value <= most,
    schema: range(least, most),
  }
}

/** A whole number in a range; both ends count. */
export function integer(least: number, most = Number.MAX_SAFE_INTEGER): Rule {
  const words = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
  return {
    expected: `a whole number ${words}`,
    test: value => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
    schema: { type: 'integer', ...range(least, most) },
  }
}

function range(minimum: number, most: number): Record<string, number> {
  return most < Number.MAX_SAFE_INTEGER ? { minimum, maximum: most } : { minimum }
}

/** One of the ids of a table. */
export function oneOf(ids: readonly string[]): Rule {
  return {
    expected: `one of ${ids.join(', ')}`,
    test: value => typeof value === 'string' && ids.includes(value),
    ids,
  }
}

/** The error of a parameter: one sentence with its name, what was expected and what came. */
export function badOption(option: string, expected: string, value: unknown, more: object = {}): KerfError {
  const said = { code: 'BAD_OPTION', details: { option, expected, actual: show(value), ...more } } as const
  return new KerfError({ ...said, message: sentenceOf({ ...said, message: '' }, inCode) })
}

/** The error of an option that nobody knows. */
export function unknownOption(option: string, known: readonly string[], place = ''): KerfError {
  const suggestions = suggest(option, known).map(name => `${place}${name}`)
  return badOption(`${place}${option}`, `one of ${known.join(', ')}`, UNKNOWN, { suggestions })
}

/** The error of options of which at least one is needed; `reason` says for what. */
export function needsOne(options: readonly string[], reason: string): KerfError {
  const expected = `at least one of ${options.slice(0, -1).join(', ')} and ${options.at(-1)}`
  return badOption(options[0] ?? '', expected, undefined, { options, reason })
}

/** Throws `BAD_OPTION` unless the parameter is what it must be. */
export function check(name: string, value: unknown, rule: Rule): void {
  if (!rule.test(value)) throw badOption(name, rule.expected, value, suggestions(rule, value))
}

function suggestions({ ids }: Rule, value: unknown): object {
  return ids && typeof value === 'string' ? { suggestions: suggest(value, ids) } : {}
}

/** Checks every option that is set, and refuses those that no rule is for. */
export function checkOptions(options: unknown, rules: Rules): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw badOption('options', 'an object', options)
  }
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (!rule) throw unknownOption(name, Object.keys(rules))
    if (value !== undefined) check(name, value, rule)
  }
}

function show(value: unknown): string {
  if (value === UNKNOWN) return UNKNOWN
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value)
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  return String(value)
}
