import type { Command } from 'commander'
import { generate, type GenerateOptions } from '../../generate.js'
import {
  addCommonFlags,
  addRouterFlags,
  architectureFlag,
  memoryFlag,
  number,
  ownFlags,
  threadsFlag,
} from '../flags.js'
import { duration, percent, plural } from '../../format.js'
import { examples } from '../help.js'
import { runWork, type CommonFlags } from '../run.js'
import type { Screen } from '../screen.js'
import { STDIN, stdinText } from '../stdin.js'

interface Flags extends Omit<GenerateOptions, 'onToken'>, CommonFlags {
  prompt: string
}

/** kerf generate MODEL --prompt TEXT */
export function addGenerate(program: Command): void {
  const command = program
    .command('generate')
    .description('continue a text')
    .argument('<model>', 'folder or file of a decoder')
    .option('--prompt <text>', 'text to continue; - is standard input', '')
    .addOption(number('--max-tokens <n>', 'most new tokens (default: 128)'))
    .addOption(number('--temperature <t>', '0 takes the most likely token (default: as the model says)'))
    .addOption(number('--top-p <share>', 'draw from the likeliest tokens only (default: as the model says)'))
    .addOption(number('--top-k <n>', 'draw from so many likeliest tokens (default: as the model says)'))
    .addOption(
      number(
        '--repetition-penalty <x>',
        'make tokens that were there less likely (default: as the model says)',
      ),
    )
    .addOption(number('--seed <n>', 'same seed, same text (default: 0)'))
    .addOption(threadsFlag())
    .addOption(memoryFlag())
    .addOption(architectureFlag())
  examples(command, ["kerf generate ./SmolLM2-kerf --prompt 'Once upon a time' --temperature 0.8 --seed 1"])
  addCommonFlags(addRouterFlags(command)).action(async (model: string, flags: Flags) => {
    const { prompt: given, ...options } = ownFlags(flags)
    let begin = (): void => undefined
    // The text itself is the progress.
    await runWork(
      command,
      { ...flags, quiet: true },
      {
        work: async ({ signal }, screen) => {
          const prompt = given === STDIN.flag ? await stdinText() : given
          if (flags.json) return generate(model, prompt, { ...options, signal })
          begin = once(() => screen.write(screen.colors.dim(prompt)))
          const onToken = (piece: string): void => {
            begin()
            screen.write(piece)
          }
          return generate(model, prompt, { ...options, signal, onToken })
        },
        show: ({ tokens, seconds, finish, routing }, screen: Screen) => {
          begin()
          screen.line()
          const speed = `${plural(tokens, 'token')} in ${duration(seconds)}`
          const skipped = routing ? `, ${percent(routing.skipped)} of token-block pairs skipped` : ''
          if (!flags.quiet)
            process.stderr.write(`${screen.colors.dim(`${speed}, ended by ${finish}${skipped}`)}\n`)
        },
      },
    )
  })
}

/** The prompt is shown with the first token: whatever can be refused has been by then. */
function once(work: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) work()
    isDone = true
  }
}
