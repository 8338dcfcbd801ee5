import { CommanderError, type Command } from 'commander'
import pc from 'picocolors'
import { KerfError, type ErrorData } from '../errors.js'
import { sentenceOf } from '../sentences.js'
import { wordsOf } from './words.js'
import { wantsColor } from './screen.js'
import { UsageError, usageFailure } from './usage.js'

/** Exit codes of every command. */
export const EXIT = { failed: 1, usage: 2, cancelled: 130 } as const

/** What `--json` prints for a failure; `BAD_USAGE` and `INTERNAL` cover what is no KerfError. */
export interface Failure {
  code: string
  message: string
  details: Readonly<Record<string, unknown>>
}

/** What to try next, where the sentence of the error does not say it already. */
const HINTS: Partial<Record<string, (command: Command | undefined) => string | undefined>> = {
  BAD_USAGE: command => `${helpOf(command)} lists what there is`,
  BAD_OPTION: command => `${helpOf(command)} lists the options`,
  WRONG_KIND: command => OTHER_KIND[command?.name() ?? ''],
  TOO_LONG: command => (hasFlag(command, '--context') ? 'give a smaller --context' : 'shorten the prompt'),
  NOT_A_MODEL: () => 'MODEL is a folder with config.json and safetensors files, or one such file',
  DISK_FULL: () =>
    'nothing was written under the final name; what was done so far is kept, run the same command again',
  METHOD_NEEDS_ARCHITECTURE: magnitude,
  UNKNOWN_ARCHITECTURE: magnitude,
}

function magnitude(command: Command | undefined): string | undefined {
  return hasFlag(command, '--method') ? 'try --method magnitude' : undefined
}

function hasFlag(command: Command | undefined, flag: string): boolean {
  return command?.options.some(({ long }) => long === flag) ?? false
}

/** What the other kind of model is for. */
const OTHER_KIND: Partial<Record<string, string>> = {
  eval: 'decoders are measured with --text and --completion, encoders with --pairs, classifiers with --task, span heads with --qa',
  compare: 'encoders are compared on sentence pairs: --pairs FILE.csv',
  generate: 'an encoder gives vectors: kerf embed MODEL --text FILE',
}

/** The help of a command that names all its flags. */
function helpOf(command: Command | undefined): string {
  if (command === undefined) return 'kerf --help'
  return `kerf ${command.name()} ${hasFlag(command, '--help-all') ? '--help-all' : '--help'}`
}

/** Any error as data; its sentence names options as the command does. */
export function toFailure(error: unknown, command?: Command): Failure {
  const failure = plainFailure(error, command)
  return { ...failure, message: sentenceOf(failure, wordsOf(command)) }
}

function plainFailure(error: unknown, command: Command | undefined): Failure {
  if (error instanceof KerfError) return error.toJSON() satisfies ErrorData
  if (error instanceof CommanderError || error instanceof UsageError) return usageFailure(error, command)
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'INTERNAL', message: `kerf failed inside: ${message}; please report this`, details: {} }
}

/** Codes of what the user wrote wrong. */
const USAGE_CODES: ReadonlySet<string> = new Set(['BAD_USAGE', 'BAD_OPTION', 'BAD_REQUEST', 'CONFIG_INVALID'])

/** The exit code of a failure: 2 if the command was wrong, 130 if it was cancelled, else 1. */
export function exitCode({ code }: Failure): number {
  if (code === 'CANCELLED') return EXIT.cancelled
  return USAGE_CODES.has(code) ? EXIT.usage : EXIT.failed
}

/** Shows a failure: one object on standard output with `--json`, else a line and a hint on standard error. */
export function showFailure(failure: Failure, json: boolean, command?: Command): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ error: failure })}\n`)
    return
  }
  const colors = pc.createColors(wantsColor(process.stderr))
  const line = failure.message.replaceAll('\n', ' ')
  const isCancelled = failure.code === 'CANCELLED'
  process.stderr.write(`${isCancelled ? colors.yellow('kerf:') : colors.red('kerf:')} ${line}\n`)
  const hint = HINTS[failure.code]?.(command)
  if (hint) process.stderr.write(`${colors.dim(`      ${hint}`)}\n`)
}
