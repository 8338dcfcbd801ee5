import { Option, type Command } from 'commander'
import { finetune, type FinetuneOptions, type FinetuneResult } from '../../finetune.js'
import { addCommonFlags, forceFlag, ownFlags } from '../flags.js'
import { addHelpAll, examples, group } from '../help.js'
import { addLearningFlags } from '../learning-flags.js'
import { showLearning } from '../output/learning.js'
import { runWork, type CommonFlags } from '../run.js'

/** Flags of `finetune` as commander gives them. */
type Flags = FinetuneOptions & CommonFlags

/** kerf finetune MODEL --task KIND --data FILE [options] */
export function addFinetune(program: Command): void {
  const command = program
    .command('finetune')
    .description('teach a model a task, and prune it meanwhile')
    .argument('<model>', 'folder or file of a model')
  group(command, 'Where to:', [
    new Option('--out <folder>', 'folder of the result (default: NAME-tuned beside the model)'),
    forceFlag(),
    new Option('--work-dir <folder>', 'folder of the checkpoints (default: hidden, beside the result)'),
  ])
  addCommonFlags(addLearningFlags(command))
  addHelpAll(command)
  examples(command, [
    'kerf finetune ./MiniLM --task classification --data reviews.tsv --out ./sentiment',
    'kerf finetune ./MiniLM --task classification --data reviews.tsv --sparsity 0.9 --epochs 6',
  ])
  command.action(async (model: string, flags: Flags) => {
    await runWork<FinetuneResult>(command, flags, {
      work: run => finetune(model, { ...ownFlags(flags), ...run }),
      show: (report, screen) => showLearning(model, report, screen),
    })
  })
}
