import { flagWord, shellWord } from '../format.js'
import { DEFAULT_OPTIONS } from '../generated/index.js'
import type { CompressReport } from '../generated/index.js'
import type { CompressOptions } from '../options.js'
import { publicName } from '../public-names.js'
import type { AfterOptions } from '../quality/options.js'
import type { WithSources } from '../source.js'

/**
 * Named always, since they are what a reader looks for, or since their default depends on the method; the instruction set, since other
 * bytes come out with another.
 */
const ALWAYS = ['method', 'sparsity', 'bits', 'blend']

/** What the method `entropy` chooses itself, and takes from nobody. */
const CHOSEN_BY_ENTROPY = ['sparsity', 'bits', 'pattern']

/** The command that gives the same bytes again: the core's resolved options, and the paths as they were given. */
export function commandOf(
  model: string,
  given: WithSources<CompressOptions & AfterOptions>,
  report: CompressReport,
): string {
  const words = ['npx kerf compress', shellWord(model), '--out', shellWord(report.out)]
  const add = (flag: string, value: unknown): void => {
    if (value !== undefined) words.push(flagWord(flag), ...(value === true ? [] : [shellWord(String(value))]))
  }
  for (const [name, value] of Object.entries({ ...report.options, isa: report.isa })) {
    if (isWanted(name, value, given, report) && isPlain(value)) add(publicName(name), value)
  }
  const { recover } = report.options
  if (recover === false) add('recover', recover)
  else if (recover) {
    add('recover', recover.tokens)
    add('recover-by', recover.by)
    add('recover-text', recover.text)
    add('recover-rate', recover.learningRate)
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

/**
 * Whether a command has to name an option: what is as it is without any option is left out, but not if it was given, since beside
 * others it may stand for something else.
 */
function isWanted(name: string, value: unknown, given: object, { options }: CompressReport): boolean {
  const isGiven = (given as Record<string, unknown>)[publicName(name)] !== undefined
  // Bits that come from a preset count other bytes than bits that are asked for: the preset says them.
  if (name === 'targetBits') return isGiven
  if (options.method === 'entropy' && CHOSEN_BY_ENTROPY.includes(name)) return false
  const hasBudget = options.targetBits !== undefined || options.targetBytes !== undefined
  if (name === 'bits' && hasBudget) return false
  const isUsual = value === DEFAULT_OPTIONS[name as keyof typeof DEFAULT_OPTIONS]
  return ALWAYS.includes(name) || isGiven || !isUsual
}

/** No flag can say a list or an object. */
function isPlain(value: unknown): boolean {
  return value !== false && ['string', 'number', 'boolean'].includes(typeof value)
}
