import type { Command } from 'commander'
import { inspect } from '../../inspect.js'
import type { ModelOptions } from '../../model.js'
import { addCommonFlags, architectureFlag, ownFlags } from '../flags.js'
import { examples } from '../help.js'
import { showInspection } from '../output/inspection.js'
import { runWork, type CommonFlags } from '../run.js'

interface Flags extends ModelOptions, CommonFlags {
  all?: boolean
}

/** kerf inspect MODEL */
export function addInspect(program: Command): void {
  const command = program
    .command('inspect')
    .description('what is inside: architecture, tensors, element types, bytes')
    .argument('<model>', 'folder or file of a model')
    .option('--all', 'list every tensor by itself')
    .addOption(architectureFlag())
  examples(command, ['kerf inspect ./MiniLM-kerf'])
  addCommonFlags(command).action(async (model: string, flags: Flags) => {
    const { all, ...options } = ownFlags(flags)
    await runWork(command, flags, {
      work: run => inspect(model, { ...options, ...run }),
      show: (result, screen) => showInspection(model, result, screen, all),
    })
  })
}
