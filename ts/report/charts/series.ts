/** How a series looks: its colour, a variable of the style sheet, and its symbol, for those who see no colours. */
export interface Look {
  color: string
  /** Path in a box from -1 to 1. */
  symbol: string
}

const CIRCLE = 'M-1 0A1 1 0 1 1 1 0A1 1 0 1 1 -1 0Z'
const SQUARE = 'M-.85 -.85H.85V.85H-.85Z'
const UP = 'M0 -1L1 .8H-1Z'
const DIAMOND = 'M0 -1.1L1.1 0L0 1.1L-1.1 0Z'
const DOWN = 'M0 1L1 -.8H-1Z'
const PLUS = 'M-.38 -1.1H.38V-.38H1.1V.38H.38V1.1H-.38V.38H-1.1V-.38H-.38Z'
const BAR = 'M-1.1 -.5H1.1V.5H-1.1Z'

const SYMBOLS = [CIRCLE, SQUARE, UP, DIAMOND, DOWN, PLUS, BAR]

/** Roles in the order of the computation; a role that is not named here comes after them. */
const ROLES = ['q', 'k', 'v', 'o', 'gate', 'up', 'down']

/** The look of the n-th series; the eighth looks like the first. */
export function lookOf(index: number): Look {
  const at = index % SYMBOLS.length
  return { color: `var(--series-${at})`, symbol: SYMBOLS[at] ?? CIRCLE }
}

/** Roles that occur, in the order of the computation, each with a look that does not depend on which others occur. */
export function looksOf(roles: readonly string[]): Map<string, Look> {
  const known = ROLES.filter(role => roles.includes(role))
  const others = [...new Set(roles.filter(role => !ROLES.includes(role)))]
  return new Map([
    ...known.map((role): [string, Look] => [role, lookOf(ROLES.indexOf(role))]),
    ...others.map((role, i): [string, Look] => [role, lookOf(i)]),
  ])
}
