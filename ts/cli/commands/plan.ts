import type { Command } from 'commander'
import type { CompressOptions } from '../../options.js'
import { plan } from '../../plan.js'
import { addCommonFlags, addCompressFlags, ownFlags } from '../flags.js'
import { showPlan } from '../output/plan.js'
import { runWork, type CommonFlags } from '../run.js'

/** kerf plan MODEL [options] */
export function addPlan(program: Command): void {
  const command = program
    .command('plan')
    .description('what compress would do to each tensor, and the memory, disk and bytes it takes')
    .argument('<model>', 'folder or file of a model')
    .option('--out <folder>', 'folder of the result')
  addCommonFlags(addCompressFlags(command)).action(
    async (model: string, flags: CompressOptions & CommonFlags) => {
      await runWork(flags, {
        work: run => plan(model, { ...ownFlags(flags), ...run }),
        show: (result, screen) => showPlan(model, result, screen),
      })
    },
  )
}
