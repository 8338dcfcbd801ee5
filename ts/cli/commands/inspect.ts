import type { Command } from 'commander'
import { inspect } from '../../inspect.js'
import { addCommonFlags } from '../flags.js'
import { showInspection } from '../output/inspection.js'
import { runWork, type CommonFlags } from '../run.js'

/** kerf inspect MODEL */
export function addInspect(program: Command): void {
  const command = program
    .command('inspect')
    .description('what is inside: architecture, tensors, element types, bytes')
    .argument('<model>', 'folder or file of a model')
  addCommonFlags(command).action(async (model: string, flags: CommonFlags) => {
    await runWork(flags, {
      work: run => inspect(model, run),
      show: (result, screen) => showInspection(model, result, screen),
    })
  })
}
