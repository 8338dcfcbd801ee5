// What the window may ask for, and the options of kerf that it becomes. The window is not trusted: it sends three values, no paths.
import { basename, dirname, join } from 'node:path'
import { PRESET_ABOUT } from 'kerf'

const MEMORY = ['none', '2GiB', '4GiB', '8GiB']
const CALIBRATIONS = ['builtin', 'file']
/** No size is asked for: kerf then takes one that is safe, which is what its guide advises. */
const ADVISED = 'advised'

/** What the window offers: `{ id, about }` of each size, kerf's own advice first. */
export function sizes() {
  const presets = Object.entries(PRESET_ABOUT).map(([id, about]) => ({ id, about }))
  return [
    { id: ADVISED, about: 'hard to tell from the original: what kerf does if nobody asks for a size' },
    ...presets,
  ]
}

/** Options of `plan` and `compress`. `text` is the path of the text file that the user chose, if any. Throws for anything that the controls cannot produce. */
export function toOptions(model, settings, text) {
  const { size, memory, calibration } = Object(settings)
  const ids = sizes().map(({ id }) => id)
  if (!ids.includes(size)) throw new Error(`size must be one of ${ids.join(', ')}`)
  if (!MEMORY.includes(memory)) throw new Error(`memory must be one of ${MEMORY.join(', ')}`)
  if (!CALIBRATIONS.includes(calibration))
    throw new Error(`calibration must be one of ${CALIBRATIONS.join(', ')}`)
  if (calibration === 'file' && text === undefined) throw new Error('calibration: choose a text file first')
  const isAdvised = size === ADVISED
  return {
    ...(isAdvised ? {} : { preset: size }),
    ...(calibration === 'file' ? { calibration: text } : {}),
    ...(memory === 'none' ? {} : { maxMemory: memory }),
    out: join(dirname(model), `${basename(model)}-kerf${isAdvised ? '' : `-${size}`}`),
  }
}
