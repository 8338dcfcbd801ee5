import type { Command } from 'commander'
import { inspect } from '../../inspect.js'
import type { ModelOptions } from '../../model.js'
import { addCommonFlags, architectureFlag, ownFlags } from '../flags.js'
import { showInspection } from '../output/inspection.js'
import { runWork, type CommonFlags } from '../run.js'

/** kerf inspect MODEL */
export function addInspect(program: Command): void {
  const command = program
    .command('inspect')
    .description('what is inside: architecture, tensors, element types, bytes')
    .argument('<model>', 'folder or file of a model')
    .addOption(architectureFlag())
  addCommonFlags(command).action(async (model: string, flags: ModelOptions & CommonFlags) => {
    await runWork(flags, {
      work: run => inspect(model, { ...ownFlags(flags), ...run }),
      show: (result, screen) => showInspection(model, result, screen),
    })
  })
}
