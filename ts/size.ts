import { badOption, type Rule } from './check.js'

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
}

/** A size in memory or on disk: a number of bytes, or text such as `'2GiB'` or `'500 MB'`. */
export type Size = number | string

export const size: Rule = {
  expected: 'a number of bytes, or a size such as "2GiB" or "500MB"',
  test: value => toBytes(value) !== undefined,
}

/** The number of bytes. `BAD_OPTION` if it is not a size. */
export function parseSize(option: string, value: unknown): number {
  const bytes = toBytes(value)
  if (bytes === undefined) throw badOption(option, size.expected, value)
  return bytes
}

/** In the core 0 means "no limit", which nobody who writes 0 can want. */
export function atLeastOne(option: string, value: Size): number {
  const bytes = parseSize(option, value)
  if (bytes === 0) throw badOption(option, 'more than 0 bytes (leave it out for no limit)', value)
  return bytes
}

/** The field of a request that says how much memory may be used, if somebody said so. */
export function memoryRequest(maxMemory: Size | undefined): { maxMemoryBytes?: number } {
  return maxMemory === undefined ? {} : { maxMemoryBytes: atLeastOne('maxMemory', maxMemory) }
}

function toBytes(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined
  if (typeof value !== 'string') return undefined
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?b)?$/i.exec(value.trim())
  const unit = UNITS[(match?.[2] ?? 'B').toUpperCase()]
  if (!match || unit === undefined) return undefined
  const bytes = Math.round(Number(match[1]) * unit)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}
