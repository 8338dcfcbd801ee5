import { Option, type Command } from 'commander'
import { generate, type GenerateOptions } from '../../generate.js'
import { addCommonFlags, architectureFlag, memoryFlag, ownFlags, threadsFlag, toNumber } from '../flags.js'
import { duration, plural } from '../../format.js'
import { runWork, type CommonFlags } from '../run.js'

interface Flags extends Omit<GenerateOptions, 'onToken'>, CommonFlags {
  prompt: string
}

/** kerf generate MODEL --prompt TEXT */
export function addGenerate(program: Command): void {
  const command = program
    .command('generate')
    .description('continue a text')
    .argument('<model>', 'folder or file of a decoder')
    .option('--prompt <text>', 'text to continue', '')
    .addOption(new Option('--max-tokens <n>', 'most new tokens (default: 128)').argParser(toNumber))
    .addOption(
      new Option('--temperature <t>', '0 takes the most likely token (default: as the model says)').argParser(
        toNumber,
      ),
    )
    .addOption(
      new Option(
        '--top-p <share>',
        'draw from the likeliest tokens only (default: as the model says)',
      ).argParser(toNumber),
    )
    .addOption(
      new Option('--top-k <n>', 'draw from so many likeliest tokens (default: as the model says)').argParser(
        toNumber,
      ),
    )
    .addOption(
      new Option(
        '--repetition-penalty <x>',
        'make tokens that were there less likely (default: as the model says)',
      ).argParser(toNumber),
    )
    .addOption(new Option('--seed <n>', 'same seed, same text (default: 0)').argParser(toNumber))
    .addOption(threadsFlag())
    .addOption(memoryFlag())
    .addOption(architectureFlag())
  addCommonFlags(command).action(async (model: string, flags: Flags) => {
    const { prompt, ...options } = ownFlags(flags)
    // The text itself is the progress.
    await runWork(
      { ...flags, quiet: true },
      {
        work: ({ signal }, screen) => {
          if (flags.json) return generate(model, prompt, { ...options, signal })
          screen.write(screen.colors.dim(prompt))
          return generate(model, prompt, { ...options, signal, onToken: screen.write })
        },
        show: ({ tokens, seconds, finish }, screen) => {
          screen.line()
          const speed = `${plural(tokens, 'token')} in ${duration(seconds)}`
          if (!flags.quiet) process.stderr.write(`${screen.colors.dim(`${speed}, ended by ${finish}`)}\n`)
        },
      },
    )
  })
}
