// Options as they are called on the command line: by the flags of the command, or by the file that a configuration lies in.
import type { Command } from 'commander'
import { publicName } from '../public-names.js'
import type { Words } from '../sentences.js'

/** Options of the API whose flags have another name, as commander has flags. */
const FLAGS: Readonly<Record<string, string>> = { textFile: 'text', texts: 'text' }

/** What the words of a command know beside its flags. */
interface Origin {
  /** The configuration that was read. */
  file: string
  /** Options that come from it alone. */
  options: ReadonlySet<string>
}

const origins = new WeakMap<Command, Origin>()

/** Remembers which options of a command a configuration gave: they have no flag there that the user wrote. */
export function rememberOrigin(command: Command, file: string, options: Iterable<string>): void {
  origins.set(command, { file, options: new Set(options) })
}

/** The words of a command; `undefined` where none was named. */
export function wordsOf(command: Command | undefined): Words {
  return {
    label: option => named(command, option) ?? option,
    name: option => named(command, option),
  }
}

function named(command: Command | undefined, given: string): string | undefined {
  const option = publicName(given)
  const origin = command && origins.get(command)
  const base = /^\w+/.exec(option)?.[0] ?? option
  if (origin?.options.has(base)) return `${option} of ${origin.file}`
  const flag = FLAGS[option] ?? option
  const found = command?.options.find(candidate => candidate.attributeName() === flag)
  if (found?.long) return found.long
  const place = command?.registeredArguments.find(candidate => candidate.name() === option)
  return place?.name().toUpperCase()
}
