import type { Command } from 'commander'
import { convert, type ConvertOptions } from '../../convert.js'
import { FORMATS } from '../../generated/index.js'
import { size } from '../../size.js'
import { addCommonFlags, choice, forceFlag, ownFlags, threadsFlag } from '../flags.js'
import { bytes } from '../../format.js'
import { examples } from '../help.js'
import { facts, notes } from '../output/table.js'
import { runWork, type CommonFlags } from '../run.js'

/** kerf convert MODEL --format ID --out DIR */
export function addConvert(program: Command): void {
  const command = program
    .command('convert')
    .description('write a model in another form')
    .argument('<model>', 'folder or file of a model')
    .addOption(choice('--format <id>', 'form of the result', FORMATS).makeOptionMandatory())
    .requiredOption('--out <folder>', 'folder of the result')
    .addOption(forceFlag())
    .option('--max-shard-size <size>', `largest file: ${size.expected} (default: 5GB)`)
    .addOption(threadsFlag())
  examples(command, ['kerf convert ./MiniLM-kerf --format safetensors --out ./MiniLM-dense'])
  addCommonFlags(command).action(async (model: string, flags: ConvertOptions & CommonFlags) => {
    await runWork(command, flags, {
      work: run => convert(model, { ...ownFlags(flags), ...run }),
      show: (result, screen) => {
        facts(screen, [
          ['before', bytes(result.inputBytes)],
          ['after', bytes(result.outputBytes)],
          ['where', result.out],
        ])
        notes(screen, result.notes)
      },
    })
  })
}
