import { Option, type Command } from 'commander'
import type { CompressOptions } from '../../options.js'
import { plan } from '../../plan.js'
import { addConfigFlags, configured, type ConfigFlags } from '../configured.js'
import { splitAfter } from '../../quality/options.js'
import { addCommonFlags, addCompressFlags } from '../flags.js'
import { addHelpAll, examples, group } from '../help.js'
import { showPlan } from '../output/plan.js'
import { runWork, type CommonFlags } from '../run.js'
import { withStdin } from '../stdin.js'

/** kerf plan [MODEL] [options] */
export function addPlan(program: Command): void {
  const command = program
    .command('plan')
    .description('what compress would do to each tensor, and the memory, disk and bytes it takes')
  addConfigFlags(command)
  group(command, 'Where to:', [new Option('--out <folder>', 'folder of the result')])
  addCommonFlags(addCompressFlags(command)).option('--all', 'list every tensor by itself')
  addHelpAll(command)
  examples(command, ['kerf plan ./MiniLM --preset light'])
  command.action(
    async (
      given: string | undefined,
      { all, ...flags }: CompressOptions & CommonFlags & ConfigFlags & { all?: boolean },
    ) => {
      let model = given ?? ''
      await runWork(command, flags, {
        work: async run => {
          const found = await configured(command, given, flags)
          model = found.model
          const { core } = splitAfter(found.options)
          return withStdin(core, ['calibration'], options => plan(model, { ...options, ...run }))
        },
        show: (result, screen) => showPlan(model, result, screen, all),
      })
    },
  )
}
