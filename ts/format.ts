import type { TextUse } from './generated/index.js'

/** 12 345 678 -> "12.3 MB" (decimal units, as disks and downloads are counted). */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = count
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 ? value : significant(value, 3)} ${units[unit]}`
}

/** A count with thin groups: 12345 -> "12,345". */
export function integer(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Rounded to so many digits, never in exponent form between 1e-4 and 1e15. */
export function significant(value: number, digits: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value)
  if (Math.abs(value) < 1e-4) return value.toExponential(digits - 1)
  // The exponent after rounding: 9.996 has two digits before the point once it is 10.0.
  const exponent = Math.floor(Math.log10(Math.abs(Number(value.toPrecision(digits)))))
  const decimals = Math.max(0, digits - 1 - exponent)
  return value.toFixed(Math.min(decimals, 20))
}

/** 0.7 -> "70 %"; at most one decimal. */
export function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`
}

/** 75.4 -> "1 min 15 s". */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** "1 text", "2 texts". */
export function plural(count: number, noun: string): string {
  return `${integer(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** How much of a text was used: "16,384 tokens, of 12.0 MB of text 66.1 kB; 3 texts cut". */
export function textUse(tokens: number, text: TextUse | undefined): string {
  const used = plural(tokens, 'token')
  if (text === undefined) return used
  const rest =
    text.usedBytes < text.bytes
      ? `of ${bytes(text.bytes)} of text ${bytes(text.usedBytes)}`
      : `all of ${bytes(text.bytes)} of text`
  return `${used}, ${rest}${text.cut > 0 ? `; ${plural(text.cut, 'text')} longer than the model's maximum, cut there` : ''}`
}

/** Cut in the middle, since the ends of tensor names say most. */
export function shorten(text: string, width: number): string {
  if (text.length <= width) return text
  if (width < 4) return text.slice(0, Math.max(0, width))
  const head = Math.floor((width - 1) / 3)
  return `${text.slice(0, head)}…${text.slice(text.length - (width - 1 - head))}`
}

/** A path as somebody would type it. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** What all matrices together may take: "5 bits a weight", "10.0 MB in all"; undefined if each has bits of its own. */
export function budget(options: { targetBits?: number; targetBytes?: number }): string | undefined {
  if (options.targetBytes !== undefined) return `${bytes(options.targetBytes)} in all`
  return options.targetBits === undefined ? undefined : `${options.targetBits} bits a weight`
}

/** A text of the core as a sentence of its own. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

/** The flag of an option on the command line: `tokenSparsity` is `--token-sparsity`. */
export const flagWord = (name: string): string =>
  `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
