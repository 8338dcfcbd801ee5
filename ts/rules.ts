import {
  badOption,
  check,
  flag,
  integer,
  number,
  oneOf,
  text,
  unknownOption,
  type Rule,
  type Rules,
} from './check.js'
import { METHODS } from './generated/index.js'
import type { Conditions, Rule as CoreRule } from './generated/index.js'

/** What holds for the matrices that match; what a rule leaves out is as for all others. */
export interface MatrixRule extends Omit<CoreRule, 'method'> {
  /** How the matrices are solved. Embeddings are never calibrated: a method that needs calibration leaves them to `magnitude` where weights are removed, else to `rtn`. */
  method?: (typeof METHODS)[number]
}

/** Which matrices a rule is for. */
export type MatrixMatch = string | Conditions

/** Bits of a code, or 16. */
export const bits: Rule = {
  expected: 'a whole number from 2 to 8, or 16 (not quantized)',
  test: value => value === 16 || integer(2, 8).test(value),
  schema: { enum: [2, 3, 4, 5, 6, 7, 8, 16] },
}

const isText = (value: unknown): boolean => typeof value === 'string'
const oneOrMany = (what: string, test: (value: unknown) => boolean): Rule => ({
  expected: `${what}, or an array of them`,
  test: value => (Array.isArray(value) ? value.length > 0 && value.every(test) : test(value)),
})

/** Rule of every condition of a match. The core checks what needs to know the model. */
const conditions: Rules = {
  name: oneOrMany('a pattern of names', isText),
  role: oneOrMany('the role of a matrix', isText),
  blocks: oneOrMany(
    'the number of a block or a range such as "0-3"',
    value => isText(value) || Number.isSafeInteger(value),
  ),
}

/** Rule of every field of a rule but `match`. */
const fields: Rules = {
  keep: flag,
  method: oneOf(METHODS),
  sparsity: number(0, 0.99),
  bits,
  groupSize: integer(0),
  pattern: text,
}

/** Throws `BAD_OPTION` that names the place, such as `rules[2].bits`. */
export function checkMatrixRules(rules: readonly unknown[]): void {
  for (const [index, rule] of rules.entries()) {
    const place = `rules[${index}]`
    if (!isObject(rule)) throw badOption(place, 'an object with match and what to do', rule)
    const { match, ...rest } = rule
    checkMatch(`${place}.match`, match)
    checkFields(place, rest, fields, ['match', ...Object.keys(fields)])
  }
}

function checkMatch(place: string, match: unknown): void {
  if (isText(match)) return
  if (!isObject(match))
    throw badOption(place, 'a pattern of names, or an object with name, role or blocks', match)
  checkFields(place, match, conditions, Object.keys(conditions))
}

function checkFields(place: string, object: object, rules: Rules, known: readonly string[]): void {
  for (const [name, value] of Object.entries(object)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (!rule) throw unknownOption(name, known, `${place}.`)
    if (value !== undefined) check(`${place}.${name}`, value, rule)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
