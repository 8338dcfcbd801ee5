// "Did you mean": the names that a misspelt one is nearest to.

/** Most changes that a slip makes. */
const MOST_CHANGES = 3
const MOST_NAMES = 3

/**
 * Names that `word` may have been meant for, nearest first; none if nothing is near. Case, `-` and `_` do not count, and the begin of a
 * name stands for it.
 */
export function suggest(word: string, names: readonly string[]): string[] {
  const asked = plain(word)
  if (asked === '') return []
  const begun = asked.length >= 3 ? names.filter(name => plain(name).startsWith(asked)) : []
  if (begun.length > 0) return begun.slice(0, MOST_NAMES)
  const near = names
    .map(name => ({ name, changes: changesBetween(asked, plain(name)) }))
    .filter(
      ({ name, changes }) => changes <= MOST_CHANGES && 2 * changes < Math.max(asked.length, name.length),
    )
  const least = Math.min(...near.map(({ changes }) => changes))
  return near
    .filter(({ changes }) => changes === least)
    .slice(0, MOST_NAMES)
    .map(({ name }) => name)
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[-_\s]/g, '')
}

/** Letters to put in, take out, change, or swap with their neighbour (Damerau and Levenshtein, in the restricted form). */
function changesBetween(a: string, b: string): number {
  let [before, row]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, at) => at)]
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let changes = Math.min(at(row, j) + 1, at(next, j - 1) + 1, at(row, j - 1) + same)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) changes = Math.min(changes, at(before, j - 2) + 1)
      next.push(changes)
    }
    ;[before, row] = [row, next]
  }
  return at(row, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity
}
