import { Command, CommanderError } from 'commander'
import { addChat } from './commands/chat.js'
import { addClassify } from './commands/classify.js'
import { addCompare } from './commands/compare.js'
import { addCompress } from './commands/compress.js'
import { addConvert } from './commands/convert.js'
import { addEmbed } from './commands/embed.js'
import { addEval } from './commands/eval.js'
import { addFinetune } from './commands/finetune.js'
import { addGenerate } from './commands/generate.js'
import { addInspect } from './commands/inspect.js'
import { addPage } from './commands/page.js'
import { addPlan } from './commands/plan.js'
import { addRoute } from './commands/route.js'
import { addServe } from './commands/serve.js'
import { exitCode, showFailure, toFailure } from './fail.js'

/** Version of the package, put in by the build. */
declare const KERF_VERSION: string

/** Commands in the order of the help: one file and one row each. */
const COMMANDS = [
  addInspect,
  addPlan,
  addCompress,
  addFinetune,
  addRoute,
  addEval,
  addCompare,
  addGenerate,
  addEmbed,
  addClassify,
  addChat,
  addServe,
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
    const named = args.find(arg => !arg.startsWith('-') && arg !== 'help')
    const command = program.commands.find(candidate => candidate.name() === named)
    const failure = toFailure(error, command)
    const isHelp = error instanceof CommanderError && error.code === 'commander.help'
    // The help that was written says it.
    if (json || !isHelp) showFailure(failure, json, command)
    process.exitCode = exitCode(failure)
  }
}

/** `kerf help COMMAND`, which commander answers with the help of the whole where it does not know the command. */
function addHelpCommand(program: Command): void {
  program
    .helpCommand(false)
    .command('help')
    .argument('[command]')
    .description('show the help of a command')
    .action(async (name: string | undefined) => {
      const named = program.commands.find(command => command.name() === name)
      if (name === undefined || named) return (named ?? program).help()
      // The same words as for a command that is not known.
      await program.parseAsync([name], { from: 'user' })
    })
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
  addHelpCommand(program)
  for (const command of program.commands) command.copyInheritedSettings(program)
  return program
}
