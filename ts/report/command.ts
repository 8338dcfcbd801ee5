import { shellWord } from '../format.js'
import { DEFAULT_OPTIONS } from '../generated/index.js'
import type { CompressReport, Options } from '../generated/index.js'
import type { CompressOptions } from '../options.js'
import { publicName } from '../public-names.js'
import type { AfterOptions } from '../quality/options.js'
import type { WithSources } from '../source.js'

/**
 * Named always, since they are what a reader looks for, or since their default depends on the method; the instruction set, since other
 * bytes come out with another.
 */
const ALWAYS = ['method', 'sparsity', 'bits', 'blend']

/** The command that gives the same bytes again: the core's resolved options, and the paths as they were given. */
export function commandOf(
  model: string,
  given: WithSources<CompressOptions & AfterOptions>,
  report: CompressReport,
): string {
  const words = ['npx kerf compress', shellWord(model), '--out', shellWord(report.out)]
  const add = (flag: string, value: unknown): void => {
    if (value !== undefined) words.push(`--${flag}`, ...(value === true ? [] : [shellWord(String(value))]))
  }
  for (const [name, value] of Object.entries({ ...report.options, isa: report.isa })) {
    const isWanted = ALWAYS.includes(name) || value !== DEFAULT_OPTIONS[name as keyof typeof DEFAULT_OPTIONS]
    if (isWanted && isPlain(value)) add(flagOf(name as keyof Options), value)
  }
  if (typeof given.calibration === 'string') add('calibration', given.calibration)
  if (typeof given.evalText === 'string') add('eval-text', given.evalText)
  if (typeof given.evalPairs === 'string') add('eval-pairs', given.evalPairs)
  if (given.report !== undefined) add('report', given.report)
  const missing = [
    ...(Array.isArray(given.calibration) ? ['the calibration texts that were given in code'] : []),
    ...(report.options.rules?.length ? ['a --config with the same rules'] : []),
  ]
  return `${words.join(' ')}${missing.length > 0 ? `   # and ${missing.join(', ')}` : ''}`
}

/** No flag can say a list or an object. */
function isPlain(value: unknown): boolean {
  return value !== false && ['string', 'number', 'boolean'].includes(typeof value)
}

function flagOf(name: string): string {
  return publicName(name).replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}
