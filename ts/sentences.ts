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

/** In a configuration an option is a property too, but its reader sits at a terminal. */
const inFile: Words = { ...inCode }

/** What an option is that no rule is for. */
export const UNKNOWN = 'an unknown option'

/** Codes whose fields are an option, what it may be and what it is. */
const OF_OPTIONS: ReadonlySet<string> = new Set(['BAD_OPTION', 'BAD_USAGE'])

/** The sentence of an error. */
export function sentenceOf({ code, message, details }: Said, words: Words): string {
  if (OF_OPTIONS.has(code) && typeof details['option'] === 'string') return ofOption(details, words)
  if (code === 'BAD_REQUEST' && typeof details['field'] === 'string') {
    const option = details['field'].split('.').at(-1) ?? ''
    return ofOption({ ...details, option }, words)
  }
  if (code === 'CONFIG_INVALID' && words !== inCode && typeof details['option'] === 'string') {
    // In the words of the file: its options are properties.
    const { reason: _, ...fields } = details
    return `configuration ${String(details['file'])}: ${ofOption(fields, inFile)}`
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
  const mean = didYouMean(details['suggestions'], actual.startsWith('"'))
  const isUnknown = actual === UNKNOWN
  // A list of forty names helps nobody who has been told the one that was meant.
  const known = isUnknown && mean !== '' ? 'one of the names that are known' : expected
  if (reason !== undefined && options === undefined) {
    return `${label} cannot be given here: ${spelled(reason, words)}`
  }
  if (words === inCode) return `${label}: expected ${known}, got ${actual}${mean}`
  if (options !== undefined) return `${reason}: give ${named(options, words)}`
  if (isUnknown) return `${label} is not known${mean === '' ? `: expected ${expected}` : mean}`
  if (actual === 'undefined') return `${label} is missing: expected ${expected}`
  return `${label}: expected ${expected}, got ${actual}${mean}`
}

function didYouMean(suggestions: unknown, quoted: boolean): string {
  if (!Array.isArray(suggestions) || suggestions.length === 0) return ''
  const names = suggestions.map(name => (quoted ? JSON.stringify(name) : String(name)))
  return `; did you mean ${joined(names)}?`
}

/** "--text or --pairs": those of the options that are here. */
function named(options: readonly string[], words: Words): string {
  const names = options.map(option => words.name(option)).filter(name => name !== undefined)
  return joined([...new Set(names)])
}

function joined(names: readonly string[]): string {
  if (names.length < 2) return names.join('')
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
}
