// A command line that cannot be understood, in one sentence.
import type { Command, CommanderError } from 'commander'
import type { Failure } from './fail.js'

/** A value of a flag that is none of its kind. The fields are those of a `BAD_OPTION`. */
export class UsageError extends Error {
  constructor(readonly details: Readonly<Record<string, unknown>>) {
    super('a flag has a value that it cannot have')
  }
}

/** What commander refuses, by its codes: its message without the name of the program, and the sentence that is shown. */
const SENTENCES: Readonly<Record<string, (message: string, command: Command | undefined) => string>> = {
  'commander.help': () => 'a command is missing',
  'commander.missingArgument': message => {
    const { name = '', reason = '' } = groups(/argument '(?<name>\w+)'(?<reason>.*)$/, message)
    return `argument '${name}' is missing${reason}`
  },
  'commander.missingMandatoryOptionValue': message => {
    const { long = '', value = '' } = groups(/'(?:-\w, )?(?<long>--[\w-]+) <(?<value>[^>]+)>'/, message)
    return `${long} is missing: give ${long} ${value.toUpperCase()}`
  },
  'commander.optionMissingArgument': message => {
    const { long = '', value = '' } = groups(/'(?:-\w, )?(?<long>--[\w-]+) <(?<value>[^>]+)>'/, message)
    return `${long} needs a value: give ${long} ${value.toUpperCase()}`
  },
  'commander.excessArguments': (message, command) => {
    const { most = '', got = '' } = groups(/Expected (?<most>\d+) .*got (?<got>\d+)/, message)
    const names = command?.registeredArguments.map(argument => argument.name().toUpperCase()).join(' ')
    const takes = names ? `${names}${Number(most) > 1 ? ` (${most})` : ''} alone` : 'none'
    return `too many arguments: ${command?.name() ?? 'kerf'} takes ${takes}, got ${got}; quote names with spaces`
  },
}

/** The failure of a {@link CommanderError} or a {@link UsageError}. */
export function usageFailure(error: CommanderError | UsageError, command: Command | undefined): Failure {
  if (error instanceof UsageError) {
    return { code: 'BAD_USAGE', message: error.message, details: error.details }
  }
  const said = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')
  const sentence = SENTENCES[error.code]?.(said, command) ?? suggested(said)
  return { code: 'BAD_USAGE', message: sentence, details: { reason: error.code } }
}

/** `unknown option '--bist' (Did you mean --bits?)` in the form of every other suggestion. */
function suggested(message: string): string {
  return message
    .replace(/'(--?[^']+)'/g, '$1')
    .replace(/ \(Did you mean (?:one of )?(.+)\?\)$/, (_, names: string) => {
      return `; did you mean ${names.replace(/, (?=[^,]+$)/, ' or ')}?`
    })
}

function groups(pattern: RegExp, text: string): Partial<Record<string, string>> {
  return pattern.exec(text)?.groups ?? {}
}
