import type { Command } from 'commander'
import type { CompressOptions } from '../../options.js'
import { plan } from '../../plan.js'
import { addConfigFlags, configured, type ConfigFlags } from '../configured.js'
import { splitAfter } from '../../quality/options.js'
import { addCommonFlags, addCompressFlags } from '../flags.js'
import { showPlan } from '../output/plan.js'
import { runWork, type CommonFlags } from '../run.js'

/** kerf plan [MODEL] [options] */
export function addPlan(program: Command): void {
  const command = program
    .command('plan')
    .description('what compress would do to each tensor, and the memory, disk and bytes it takes')
    .option('--out <folder>', 'folder of the result')
  addCommonFlags(addCompressFlags(addConfigFlags(command))).action(
    async (given: string | undefined, flags: CompressOptions & CommonFlags & ConfigFlags) => {
      let model = given ?? ''
      await runWork(flags, {
        work: async run => {
          const found = await configured(command, given, flags)
          model = found.model
          return plan(model, { ...splitAfter(found.options).core, ...run })
        },
        show: (result, screen) => showPlan(model, result, screen),
      })
    },
  )
}
