import { flag, integer, number, type Rule, type Rules } from './check.js'

/** What is known of a parameter of a row of a table. */
export interface Param {
  readonly kind: 'integer' | 'real' | 'flag'
  readonly least: number
  readonly most: number
  readonly about: string
}

/** Rules of parameters, each an option of its own. */
export function rulesOf(params: Readonly<Record<string, Param>>): Rules {
  return Object.fromEntries(Object.entries(params).map(([name, param]) => [name, ruleOf(param)]))
}

function ruleOf({ kind, least, most }: Param): Rule {
  if (kind === 'flag') return flag
  return kind === 'integer' ? integer(least, most) : number(least, most)
}
