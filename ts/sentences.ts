// The one sentence of an error, made of its fields, in the words of where the user is.

/** How options are called where the user is. */
export interface Words {
  /** An option as the begin of a sentence: `option bits` in code, `--bits` in a terminal. */
  label: (option: string) => string
  /** An option inside a sentence; `undefined` leaves it as the core has it, a property between backticks. */
  name: (option: string) => string | undefined
}

/** What a sentence is made of. */
export interface Said {
  code: string
  message: string
  details: Readonly<Record<string, unknown>>
}

/** In code an option is a property. */
export const inCode: Words = { label: option => `option ${option}`, name: () => undefined }

/** Codes whose fields are an option, what it may be and what it is. */
const OF_OPTIONS: ReadonlySet<string> = new Set(['BAD_OPTION', 'BAD_USAGE'])

/** The sentence of an error. */
export function sentenceOf({ code, message, details }: Said, words: Words): string {
  if (OF_OPTIONS.has(code) && typeof details['option'] === 'string') return ofOption(details, words)
  if (code === 'BAD_REQUEST' && typeof details['field'] === 'string') {
    const option = details['field'].split('.').at(-1) ?? ''
    return ofOption({ ...details, option }, words)
  }
  return spelled(message, words)
}

/** A text of the core with its options, which stand between backticks, as they are called here. */
export function spelled(text: string, words: Words): string {
  return text.replace(/`([a-z]\w*)`/gi, (whole, option: string) => words.name(option) ?? whole)
}

function ofOption(details: Readonly<Record<string, unknown>>, words: Words): string {
  const { option, options, reason } = details as { option: string; options?: string[]; reason?: string }
  const [expected, actual] = [spelled(String(details['expected']), words), String(details['actual'])]
  const label = words.label(option)
  if (options !== undefined) return `${reason ?? 'something is missing'}: give ${oneOf(options, words)}`
  const mean = didYouMean(details['suggestions'], actual.startsWith('"'))
  if (actual === 'an unknown option') {
    // A label of code begins with that word already.
    const named = label.replace(/^option /, '')
    return `unknown option ${named}${mean || `; there are ${expected.replace(/^one of /, '')}`}`
  }
  if (reason !== undefined) return `${label} cannot be given here: ${spelled(reason, words)}`
  if (actual === 'undefined') return `${label} is missing: expected ${expected}`
  return `${label}: expected ${expected}, got ${actual}${mean}`
}

function didYouMean(suggestions: unknown, quoted: boolean): string {
  if (!Array.isArray(suggestions) || suggestions.length === 0) return ''
  const names = suggestions.map(name => (quoted ? JSON.stringify(name) : String(name)))
  return `; did you mean ${joined(names, 'or')}?`
}

/** "at least one of text, textFile and pairs", or "--text or --pairs". */
function oneOf(options: readonly string[], words: Words): string {
  const here = [...new Set(options.map(option => words.name(option)))]
  const names = here.filter(name => name !== undefined)
  return names.length > 0 ? joined(names, 'or') : `at least one of ${joined(options, 'and')}`
}

function joined(names: readonly string[], word: 'and' | 'or'): string {
  if (names.length < 2) return names.join('')
  return `${names.slice(0, -1).join(', ')} ${word} ${names.at(-1)}`
}
