// Text on its way in: bytes of files, and strings of requests.
import { describe, expect, it } from 'vitest'
import { KerfError } from '../../../ts/errors.js'
import { requestJson } from '../../../ts/request-json.js'
import { decodePart, decodeText, validUpTo } from '../../../ts/text.js'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

describe('the text of a file', () => {
  it('has no byte order mark, but keeps what only looks like one', () => {
    expect(decodeText(bytes(0xef, 0xbb, 0xbf, 0x61), 'x')).toBe('a')
    expect(decodeText(bytes(0xef, 0xbb, 0xbf), 'x')).toBe('')
    expect(decodeText(bytes(0x61, 0xef, 0xbb, 0xbf), 'x')).toBe('a\ufeff')
    expect(decodePart(bytes(0xef, 0xbb, 0xbf, 0x61), 'x', 7)).toBe('\ufeffa')
  })

  it.each([
    ['Latin 1', [0x61, 0xe9, 0x62], 1],
    ['UTF-16', [0xff, 0xfe, 0x61, 0x00], 0],
    ['a character that is cut', [0x61, 0x62, 0xf0, 0x9f, 0x98], 2],
    ['a surrogate', [0xed, 0xa0, 0x80], 0],
    ['a longer form of /', [0xc0, 0xaf], 0],
    ['more than U+10FFFF', [0x61, 0xf4, 0x90, 0x80, 0x80], 1],
  ])('that is no UTF-8 is refused where it is not: %s', (_, values, offset) => {
    const refused = (read: () => string): unknown => {
      try {
        return read()
      } catch (error) {
        return error instanceof KerfError && error.toJSON()
      }
    }
    expect(refused(() => decodeText(Uint8Array.from(values), 'x.txt'))).toEqual({
      code: 'NOT_UTF8',
      message: `x.txt is not UTF-8 text: bad byte at offset ${offset}; convert it to UTF-8`,
      details: { path: 'x.txt', offset },
    })
    expect(refused(() => decodePart(Uint8Array.from(values), 'x.txt', 100))).toMatchObject({
      details: { offset: 100 + offset },
    })
  })

  it('is UTF-8 up to where the decoder of the host says so', () => {
    const strict = new TextDecoder('utf-8', { fatal: true })
    const isText = (part: Uint8Array): boolean => {
      try {
        strict.decode(part)
        return true
      } catch {
        return false
      }
    }
    const characters = ['a', 'é', '\u0800', '€', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}']
    let state = 1
    const next = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    let damaged = 0
    for (let round = 0; round < 2000; round += 1) {
      const text = Array.from({ length: 6 }, () => characters[next(characters.length)]).join('')
      const own = new TextEncoder().encode(text)
      own[next(own.length)] = next(256)
      const good = validUpTo(own)
      expect(isText(own)).toBe(good === own.length)
      expect(isText(own.subarray(0, good))).toBe(true)
      if (good === own.length) continue
      damaged += 1
      for (let end = good + 1; end <= own.length; end += 1) expect(isText(own.subarray(0, end))).toBe(false)
    }
    expect(damaged).toBeGreaterThan(500)
  })
})

describe('half of a surrogate pair', () => {
  it('becomes U+FFFD wherever it is in a request', () => {
    const request = {
      texts: ['I like \ud83d', '\ude00 and', '\ude00\ud83d', 'whole: 😀', '\\ud83d'],
      options: { rules: [{ name: 'a\ud800b' }] },
      threads: 2,
      out: undefined,
    }
    expect(JSON.parse(requestJson(request))).toEqual({
      texts: ['I like \ufffd', '\ufffd and', '\ufffd\ufffd', 'whole: 😀', '\\ud83d'],
      options: { rules: [{ name: 'a\ufffdb' }] },
      threads: 2,
    })
  })

  it('is replaced in what a replacer gives, too', () => {
    const named = requestJson({ model: { of: 'a page' } }, (field, value) =>
      field === 'model' ? 'm\udc00' : value,
    )
    expect(JSON.parse(named)).toEqual({ model: 'm\ufffd' })
  })
})
