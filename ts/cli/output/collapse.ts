/** Things of one kind whose names differ in the number of their block alone. */
export interface Group<T> {
  /** The name, with the range of numbers: `model.layers.{0..4}.mlp.up_proj.weight`. */
  name: string
  items: T[]
}

interface Collected<T> {
  pattern: string
  numbers: number[]
  items: T[]
}

/** Joins items of the same kind; the order is that of the first of each. */
export function collapse<T extends { name: string }>(
  items: readonly T[],
  kind: (item: T) => readonly string[],
): Group<T>[] {
  const groups = new Map<string, Collected<T>>()
  for (const item of items) {
    const number = /(?<=\.)\d+(?=\.)/.exec(item.name)
    const pattern = number ? item.name.replace(/(?<=\.)\d+(?=\.)/, '*') : item.name
    const key = [pattern, ...kind(item)].join('\n')
    const group = groups.get(key) ?? { pattern, numbers: [], items: [] }
    if (number) group.numbers.push(Number(number[0]))
    group.items.push(item)
    groups.set(key, group)
  }
  return [...groups.values()].map(({ pattern, numbers, items }) => ({
    name: numbers.length > 0 ? pattern.replace('*', range(numbers)) : pattern,
    items,
  }))
}

function range(numbers: number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b)
  const first = sorted[0] ?? 0
  const last = sorted.at(-1) ?? 0
  if (first === last) return `${first}`
  return last - first === sorted.length - 1 ? `{${first}..${last}}` : `{${sorted.join(',')}}`
}
