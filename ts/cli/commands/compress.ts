import type { Command } from 'commander'
import { compress } from '../../compress.js'
import type { CompressOptions } from '../../options.js'
import { addConfigFlags, configured, type ConfigFlags } from '../configured.js'
import { addAfterFlags, addCommonFlags, addCompressFlags } from '../flags.js'
import type { AfterOptions } from '../../quality/options.js'
import { showReport } from '../output/report.js'
import { runWork, type CommonFlags } from '../run.js'

/** kerf compress [MODEL] --out DIR [options] */
export function addCompress(program: Command): void {
  const command = program
    .command('compress')
    .description('write a smaller model and say what was lost')
    .option('--out <folder>', 'folder of the result (default: NAME-kerf beside the model)')
    .option('--work-dir <folder>', 'folder of the journal (default: hidden, beside the result)')
  addCommonFlags(addAfterFlags(addCompressFlags(addConfigFlags(command)))).action(
    async (given: string | undefined, flags: CompressOptions & AfterOptions & CommonFlags & ConfigFlags) => {
      let model = given ?? ''
      await runWork(flags, {
        work: async run => {
          const found = await configured(command, given, flags)
          model = found.model
          return compress(model, { ...found.options, ...run })
        },
        show: (result, screen) => showReport(model, result, screen),
      })
    },
  )
}
