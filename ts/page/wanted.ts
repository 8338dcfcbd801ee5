// What a person asks for, and the options that it means.
import type {
  CompressOptions,
  FileSource,
  Inspection,
  Preset,
  QualityLevel,
  WithSources,
} from '../browser.js'

/** How the size is said: by its name, bits a weight in all, sparsity and bits, or these by the weights alone. */
export type Way = 'preset' | 'size' | 'parts' | 'weights'

/** All controls of the page. */
export interface Wanted {
  way: Way
  preset: Preset
  targetBits: number
  sparsity: number
  bits: number
  quality: QualityLevel
  /** Text like that which the model will be used for. */
  text?: File
}

/** What a page begins with: a size that loses little, nothing removed, and little effort, since a tab is slow. */
export const FIRST: Wanted = {
  way: 'preset',
  preset: 'light',
  targetBits: 4,
  sparsity: 0,
  bits: 8,
  quality: 'fast',
}

/** A module has at most 4 GiB; beyond this the engine keeps activations on the disk. */
const MAX_MEMORY = '3GiB'

/** Options of `plan` and `compress`. */
export function optionsOf(wanted: Wanted): WithSources<CompressOptions> {
  const { way, preset, targetBits, sparsity, bits, quality, text } = wanted
  if (way === 'weights') {
    return { method: sparsity > 0 ? 'magnitude' : 'rtn', sparsity, bits, maxMemory: MAX_MEMORY }
  }
  const calibration = text === undefined ? {} : { calibration: text satisfies FileSource }
  const common = { quality, maxMemory: MAX_MEMORY, ...calibration }
  if (way === 'preset') return { preset, ...common }
  return way === 'size' ? { targetBits, ...common } : { sparsity, bits, ...common }
}

/** What can be asked of this model. */
export function possible(wanted: Wanted, { known }: Inspection): Wanted {
  return known ? wanted : { ...wanted, way: 'weights' }
}

/** In a few words, for a list. */
export function inWords(wanted: Omit<Wanted, 'text'>): string {
  const { way, preset, targetBits, sparsity, bits, quality } = wanted
  const parts = `${Math.round(sparsity * 100)} % removed, ${bits} bits`
  if (way === 'preset') return `${preset}, ${quality}`
  if (way === 'weights') return `${parts}, by the weights alone`
  return way === 'size' ? `${targetBits} bits per weight, ${quality}` : `${parts}, ${quality}`
}
