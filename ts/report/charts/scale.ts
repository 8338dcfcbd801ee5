/** The ends of a logarithmic axis and the values that are named on it. */
export interface LogScale {
  min: number
  max: number
  ticks: number[]
}

/** An axis from 0 with equal steps. */
export interface LinearScale {
  max: number
  interval: number
}

/** An axis from 0 to a little above the largest value, with at most five steps of 1, 2 or 5 times a power of ten. */
export function linearScale(values: readonly number[]): LinearScale {
  const top = Math.max(...values) * 1.05 || 1
  const power = 10 ** Math.floor(Math.log10(top / 5))
  const interval = [1, 2, 5, 10].map(step => step * power).find(step => top / step <= 5) ?? 10 * power
  return { max: interval * Math.ceil(top / interval), interval }
}

/** Steps within a decade; the range decides how many of them fit. */
const STEPS = [[1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]]
const MOST_TICKS = 8

/** A logarithmic axis around positive values: ends and ticks are round numbers. */
export function logScale(values: readonly number[]): LogScale {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  for (const steps of STEPS) {
    const ticks = between(least, most, steps)
    if (ticks.length <= MOST_TICKS || steps.length === 1) {
      return { min: ticks[0] ?? least, max: ticks.at(-1) ?? most, ticks: thin(ticks) }
    }
  }
  throw new Error('the last steps fit always')
}

/** All ticks from the last that is not above `least` to the first that is not below `most`. */
function between(least: number, most: number, steps: readonly number[]): number[] {
  const first = Math.floor(Math.log10(least))
  const last = Math.ceil(Math.log10(most)) + 1
  const all: number[] = []
  for (let exponent = first; exponent <= last; exponent += 1) {
    for (const step of steps) all.push(Number(`${step}e${exponent}`))
  }
  const from = all.findLastIndex(tick => tick <= least)
  const to = all.findIndex(tick => tick >= most)
  return all.slice(Math.max(0, from), Math.max(to, from + 1) + 1)
}

/** Every n-th decade where there are very many; the first and the last stay. */
function thin(ticks: number[]): number[] {
  const every = Math.ceil(ticks.length / MOST_TICKS)
  return ticks.filter((_, i) => i % every === 0 || i === ticks.length - 1)
}
