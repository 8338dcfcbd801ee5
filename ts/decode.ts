import { KerfError } from './errors.js'

/** Most bytes of a file from which prompts or sentences are taken. */
export const START_BYTES = 4 << 20

/**
 * Text of the bytes of a UTF-8 file, without a byte order mark. `NOT_UTF8` with the offset of the first bad byte. Of the beginning of
 * a file (`isWhole` false) the last character may be incomplete, and is left out.
 */
export function decodeText(bytes: Uint8Array, path: string, isWhole = true): string {
  try {
    return decode(bytes, !isWhole)
  } catch (cause) {
    const offset = firstBad(bytes)
    const message = `${path} is not UTF-8 text: bad byte at offset ${offset}; convert it to UTF-8`
    throw new KerfError({ code: 'NOT_UTF8', message, details: { path, offset } }, { cause })
  }
}

function decode(bytes: Uint8Array, goesOn: boolean): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: goesOn })
}

function isText(bytes: Uint8Array, goesOn: boolean): boolean {
  try {
    decode(bytes, goesOn)
    return true
  } catch {
    return false
  }
}

/** Where the text stops being UTF-8: what is before is text, and stays so whatever follows. */
function firstBad(bytes: Uint8Array): number {
  let [good, bad] = [0, bytes.length + 1]
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (isText(bytes.subarray(0, middle), true)) good = middle
    else bad = middle
  }
  // The last character may have begun before the byte that makes it a bad one.
  while (good > 0 && !isText(bytes.subarray(0, good), false)) good -= 1
  return good
}
