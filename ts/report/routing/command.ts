import { flagWord, shellWord } from '../../format.js'
import type { RouteReport } from '../../generated/index.js'

/** Options that do not decide the result, or are no flag as they are. */
const LEFT_OUT = ['out', 'force', 'workDir', 'report', 'calibration']

/** The command that makes the same router again: the options as they were given. Texts in memory have no flag. */
export function commandOf(
  model: string,
  given: { calibration?: string | readonly string[] | undefined },
  { out }: RouteReport,
): string {
  const words = ['npx kerf route', shellWord(model), '--out', shellWord(out)]
  const { calibration } = given
  if (typeof calibration === 'string') words.push('--calibration', shellWord(calibration))
  for (const [name, value] of Object.entries(given)) {
    if (LEFT_OUT.includes(name) || !['string', 'number'].includes(typeof value)) continue
    const flag = flagWord(name)
    words.push(flag, shellWord(String(value)))
  }
  return words.join(' ')
}
