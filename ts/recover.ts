import { badOption, number, oneOf, type Rule, type Rules } from './check.js'
import type { Recover } from './generated/index.js'

/** A number of tokens: `2000000` or `'2M'`. */
export type TokenCount = number | string

/** What is taught at once after the solver: a block, or the whole model; `auto` is `whole` where `maxMemory` allows it. */
export const RECOVER_BY = ['auto', 'block', 'whole'] as const

/** What a whole model reads while it is taught: the calibration text, what the dense model itself writes (decoders), half of each. */
export const RECOVER_TEXT = ['calibration', 'self', 'both'] as const

/** Options of recovery. */
export interface RecoverOptions {
  /**
   * Tokens on which what survived is taught, after the solver, to do what the dense model does, such as `'200k'` or `'2M'`: values,
   * scales, norms and biases move, what is 0 stays 0, and the result takes no more bytes. The text is read again and again if it is
   * shorter. Default: at `quality: 'best'` the calibration tokens once, except in a page; otherwise nothing is taught.
   */
  recover?: TokenCount | false
  /**
   * What is taught at once: with `'block'` one block after the other learns the outputs of the dense block, with the memory of one;
   * with `'whole'` the whole model learns the predictions (decoders) or vectors (encoders) of the dense one, with all weights in memory
   * six times over, which is often better. `'auto'`, the default, takes `'whole'` where `maxMemory` allows it (without a limit: 16 GiB).
   */
  recoverBy?: (typeof RECOVER_BY)[number]
  /**
   * What a whole model reads: `'calibration'`, the default, the calibration text; `'self'` what the dense model itself writes, for decoders,
   * where there is no text like that of its use; `'both'` half of each. A block reads what is calibrated on.
   */
  recoverText?: (typeof RECOVER_TEXT)[number]
  /** Highest learning rate of the recovery, as a share of the root mean square of each tensor's values; 0.03 where it is left out. */
  recoverRate?: number
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 }

const tokens: Rule = {
  expected: 'a number of tokens of at least 1, such as 200000, "200k" or "2M", or false',
  test: value => value === false || countOf(value) !== undefined,
}

/** Rules of {@link RecoverOptions}. */
export const recoverRules: Rules = {
  recover: tokens,
  recoverBy: oneOf(RECOVER_BY),
  recoverText: oneOf(RECOVER_TEXT),
  recoverRate: number(0, 1),
}

/** What was given of {@link RecoverOptions}. */
type Given = { [K in keyof RecoverOptions]: RecoverOptions[K] | undefined }

/** The option of the core, if something is taught. `BAD_OPTION` for details of a recovery that is not wanted. */
export function recoverRequest(options: Given): Recover | false | undefined {
  const { recover, recoverBy, recoverText, recoverRate } = options
  const count = recover === false ? undefined : countOf(recover)
  if (count === undefined) {
    const details = { recoverBy, recoverText, recoverRate }
    for (const [name, value] of Object.entries(details))
      if (value !== undefined) throw badOption(name, 'left out without `recover`, to which it belongs', value)
    return recover === false ? false : undefined
  }
  return {
    tokens: count,
    ...(recoverBy !== undefined && { by: recoverBy }),
    ...(recoverText !== undefined && { text: recoverText }),
    ...(recoverRate !== undefined && { learningRate: recoverRate }),
  }
}

function countOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value > 0 ? value : undefined
  if (typeof value !== 'string') return undefined
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)$/i.exec(value.trim())
  const unit = UNITS[(match?.[2] ?? '').toLowerCase()] ?? 1
  const count = match ? Math.round(Number(match[1]) * unit) : 0
  return Number.isSafeInteger(count) && count > 0 ? count : undefined
}
