import { Command, CommanderError } from 'commander'
import { addCompare } from './commands/compare.js'
import { addCompress } from './commands/compress.js'
import { addConvert } from './commands/convert.js'
import { addEmbed } from './commands/embed.js'
import { addEval } from './commands/eval.js'
import { addGenerate } from './commands/generate.js'
import { addInspect } from './commands/inspect.js'
import { addPage } from './commands/page.js'
import { addPlan } from './commands/plan.js'
import { EXIT, showFailure, toFailure } from './fail.js'

/** Version of the package, put in by the build. */
declare const KERF_VERSION: string

/** Commands in the order of the help: one file and one row each. */
const COMMANDS = [
  addInspect,
  addPlan,
  addCompress,
  addEval,
  addCompare,
  addGenerate,
  addEmbed,
  addConvert,
  addPage,
] as const

/** Runs the command line; sets the exit code. */
export async function runProgram(args: readonly string[]): Promise<void> {
  const program = commandLine(args.includes('--json'))
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return
    const json = args.includes('--json')
    const failure = toFailure(error)
    const isHelp = failure.message === '(outputHelp)'
    if (isHelp) failure.message = 'a command is missing'
    if (json || !isHelp) showFailure(failure, json)
    process.exitCode = error instanceof CommanderError ? EXIT.usage : EXIT.failed
  }
}

/** The command line, which throws where it does not understand. */
export function commandLine(json: boolean): Command {
  const program = new Command('kerf')
    .description('Compress transformer models: pruned, quantized, measured.')
    .version(KERF_VERSION, '-v, --version')
    .showSuggestionAfterError()
    .exitOverride()
  // A usage error is shown by `showFailure`, once and in one line; help that was not asked for goes to standard error.
  program.configureOutput({
    outputError: () => undefined,
    writeErr: text => void (json || process.stderr.write(text)),
  })
  for (const add of COMMANDS) add(program)
  for (const command of program.commands) command.copyInheritedSettings(program)
  return program
}
