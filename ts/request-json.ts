/** Half of a surrogate pair, which a text that was cut at any place may have at its ends. */
const HALF = /\p{Surrogate}/gu

/** What stands in a request for the value of a field. */
export type Replacer = (this: Record<string, unknown>, field: string, value: unknown) => unknown

/**
 * A request as it goes to the core. Half of a surrogate pair, which is no character and has no UTF-8, becomes U+FFFD in every string.
 * `replace` sees each field first, as in `JSON.stringify`.
 */
export function requestJson(request: object, replace?: Replacer): string {
  return JSON.stringify(request, function (this: Record<string, unknown>, field, given: unknown) {
    const value = replace ? replace.call(this, field, given) : given
    return typeof value === 'string' ? value.replace(HALF, '\ufffd') : value
  })
}
