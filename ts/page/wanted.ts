// What a person asks for, and the options that it means.
import type { CompressOptions, FileSource, Inspection, QualityLevel, WithSources } from '../browser.js'

/** How the size is said: bits a weight in all, sparsity and bits, or these by the weights alone. */
export type Way = 'size' | 'parts' | 'weights'

/** All controls of the page. */
export interface Wanted {
  way: Way
  targetBits: number
  sparsity: number
  bits: number
  quality: QualityLevel
  /** Text like that which the model will be used for. */
  text?: File
}

/** What a page begins with: a tab is slow, so little effort. */
export const FIRST: Wanted = { way: 'size', targetBits: 3, sparsity: 0.7, bits: 4, quality: 'fast' }

/** A module has at most 4 GiB; beyond this the engine keeps activations on the disk. */
const MAX_MEMORY = '3GiB'

/** Options of `plan` and `compress`. */
export function optionsOf(wanted: Wanted): WithSources<CompressOptions> {
  const { way, targetBits, sparsity, bits, quality, text } = wanted
  if (way === 'weights') {
    return { method: sparsity > 0 ? 'magnitude' : 'rtn', sparsity, bits, maxMemory: MAX_MEMORY }
  }
  const calibration = text === undefined ? {} : { calibration: text satisfies FileSource }
  const common = { quality, maxMemory: MAX_MEMORY, ...calibration }
  return way === 'size' ? { targetBits, ...common } : { sparsity, bits, ...common }
}

/** What can be asked of this model. */
export function possible(wanted: Wanted, { known }: Inspection): Wanted {
  return known ? wanted : { ...wanted, way: 'weights' }
}

/** In a few words, for a list. */
export function inWords({ way, targetBits, sparsity, bits, quality }: Omit<Wanted, 'text'>): string {
  const parts = `${Math.round(sparsity * 100)} % removed, ${bits} bits`
  if (way === 'weights') return `${parts}, by the weights alone`
  return way === 'size' ? `${targetBits} bits per weight, ${quality}` : `${parts}, ${quality}`
}
