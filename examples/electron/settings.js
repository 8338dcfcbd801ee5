// What the window may ask for, and the options of kerf that it becomes. The window is not trusted: it sends three values, no paths.
import { basename, dirname, join } from 'node:path'

const BITS = [2, 3, 4, 5, 6, 8, 16]
const MEMORY = ['none', '2GiB', '4GiB', '8GiB']

/** Options of `plan` and `compress`. Throws an Error for anything that the controls cannot produce. */
export function toOptions(model, settings) {
  const { sparsity, bits, memory } = Object(settings)
  if (typeof sparsity !== 'number' || !(sparsity >= 0 && sparsity <= 0.9))
    throw new Error('sparsity must be 0 to 0.9')
  if (!BITS.includes(bits)) throw new Error(`bits must be one of ${BITS.join(', ')}`)
  if (!MEMORY.includes(memory)) throw new Error(`memory must be one of ${MEMORY.join(', ')}`)
  const name = `${basename(model)}-kerf-${Math.round(sparsity * 100)}-${bits}`
  const limit = memory === 'none' ? {} : { maxMemory: memory }
  return { sparsity, bits, ...limit, out: join(dirname(model), name) }
}
