import type { Command } from 'commander'
import { compress } from '../../compress.js'
import type { CompressOptions } from '../../options.js'
import type { AfterOptions } from '../../quality/options.js'
import { addAfterFlags, addCommonFlags, addCompressFlags, ownFlags } from '../flags.js'
import { showReport } from '../output/report.js'
import { runWork, type CommonFlags } from '../run.js'

/** kerf compress MODEL --out DIR [options] */
export function addCompress(program: Command): void {
  const command = program
    .command('compress')
    .description('write a smaller model and say what was lost')
    .argument('<model>', 'folder or file of a model')
    .option('--out <folder>', 'folder of the result (default: NAME-kerf beside the model)')
    .option('--work-dir <folder>', 'folder of the journal (default: hidden, beside the result)')
  addCommonFlags(addAfterFlags(addCompressFlags(command))).action(
    async (model: string, flags: CompressOptions & AfterOptions & CommonFlags) => {
      await runWork(flags, {
        work: run => compress(model, { ...ownFlags(flags), ...run }),
        show: (result, screen) => showReport(model, result, screen),
      })
    },
  )
}
