// Texts that differ in their numbers alone, as one text.

const NUMBER = /\d+(?:\.\d+)?/g

/** The text without its numbers: those of the same skeleton can be joined. */
export function skeleton(text: string): string {
  return text.replace(NUMBER, '#')
}

/** One text for several of the same skeleton: numbers that differ become ranges, `4 bit, 61.2-75.0 % zeros`. */
export function asRange(texts: readonly string[]): string {
  const numbers = texts.map(text => text.match(NUMBER) ?? [])
  let place = 0
  return (texts[0] ?? '').replace(NUMBER, whole => {
    const all = numbers.map(list => list[place] ?? whole)
    place += 1
    const sorted = [...all].sort((a, b) => Number(a) - Number(b))
    const [least, most] = [sorted[0] ?? whole, sorted.at(-1) ?? whole]
    return least === most ? whole : `${least}-${most}`
  })
}
