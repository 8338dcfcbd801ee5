// Text of a file: UTF-8, or an error that says where it is not. The core does the same with what it reads.
import { KerfError } from './errors.js'

/** The text; a byte order mark at its begin is no part of it. `NOT_UTF8` if the bytes are no UTF-8. */
export function decodeText(bytes: Uint8Array, path: string): string {
  return decodePart(bytes, path, 0)
}

/** Most bytes of a file from which prompts or sentences are taken. */
export const START_BYTES = 4 << 20

/**
 * As {@link decodeText}, of the first {@link START_BYTES} of a file. `bytes` has one more where there are more: then a character that
 * is cut is left out.
 */
export function decodeStart(bytes: Uint8Array, path: string): string {
  if (bytes.length <= START_BYTES) return decodeText(bytes, path)
  const start = bytes.subarray(0, START_BYTES)
  const good = validUpTo(start)
  // A character has at most four bytes: what is longer is no end of one.
  return decodeText(start.length - good < 4 ? start.subarray(0, good) : start, path)
}

/** As {@link decodeText}, of a part of a file that begins at `offset` and is cut between characters. */
export function decodePart(bytes: Uint8Array, path: string, offset: number): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: offset > 0 }).decode(bytes)
  } catch (error) {
    const good = validUpTo(bytes)
    if (good === bytes.length) throw error
    throw notUtf8(path, offset + good)
  }
}

function notUtf8(path: string, offset: number): KerfError {
  const message = `${path} is not UTF-8 text: bad byte at offset ${offset}; convert it to UTF-8`
  return new KerfError({ code: 'NOT_UTF8', message, details: { path, offset } })
}

/** Number of bytes at the begin that are UTF-8; all, or up to the character that is none. */
export function validUpTo(bytes: Uint8Array): number {
  let at = 0
  while (at < bytes.length) {
    const length = characterLength(bytes, at)
    if (length === 0) break
    at += length
  }
  return at
}

/** Characters by their first byte: the last first byte of the row, their length, and what the second byte may be (RFC 3629). */
const CHARACTERS: readonly (readonly [last: number, length: number, least: number, most: number])[] = [
  [0x7f, 1, 0, 0],
  [0xc1, 0, 0, 0],
  [0xdf, 2, 0x80, 0xbf],
  [0xe0, 3, 0xa0, 0xbf],
  [0xec, 3, 0x80, 0xbf],
  [0xed, 3, 0x80, 0x9f],
  [0xef, 3, 0x80, 0xbf],
  [0xf0, 4, 0x90, 0xbf],
  [0xf3, 4, 0x80, 0xbf],
  [0xf4, 4, 0x80, 0x8f],
]

/** Bytes of the character at a place; 0 if there is none. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0xff
  const [, length, least, most] = CHARACTERS.find(([last]) => first <= last) ?? [0, 0, 0, 0]
  for (let further = 1; further < length; further += 1) {
    const byte = bytes[at + further] ?? 0
    const [low, high] = further === 1 ? [least, most] : [0x80, 0xbf]
    if (byte < low || byte > high) return 0
  }
  return length
}
