import { Option, type Command } from 'commander'
import { PRUNER_PARAMS, PRUNERS, RATE_SCHEDULES, TASKS } from '../generated/index.js'
import { architectureFlag, choice, memoryFlag, number, paramFlag, threadsFlag } from './flags.js'
import { group, rare } from './help.js'

/** Options of `finetune`; their camelCase is `FinetuneOptions`. Defaults are the core's, and only named here. */
export function addLearningFlags(command: Command): Command {
  group(command, 'What to learn:', [
    choice('--task <kind>', 'kind of task', TASKS),
    new Option('--data <file>', 'examples to learn from'),
    new Option(
      '--held-out <file>',
      'examples that are only measured (default: 5 % of --data; see --held-out-share)',
    ),
    number(
      '--max-tokens <n>',
      "most tokens of an example (default: the model's, at most 256; 384 for answering)",
    ),
  ])
  group(command, 'How to prune:', [
    number(
      '--sparsity <share>',
      'share of the weights of the target matrices to remove meanwhile (default: 0)',
    ),
    choice('--method <id>', 'how weights are removed (default: mgpp with --sparsity, else dense)', PRUNERS),
  ])
  group(command, 'How to learn:', [
    number('--epochs <n>', 'passes over the examples (default: 3)'),
    number('--steps <n>', 'steps, in place of --epochs'),
    number('--batch <n>', 'examples of a batch (default: 32; 8 for language and answering)'),
    number('--learning-rate <n>', 'highest learning rate (default: 5e-5; 1e-4 where weights are removed)'),
    number('--patience <n>', 'measurements without a better one after which it ends (default: never)'),
    number('--seed <n>', 'seed of the order, of a new head, and of what is held out (default: 0)'),
  ])
  group(command, 'The machine:', [memoryFlag(), threadsFlag()])
  group(command, 'What came of it:', [
    new Option('--report <file>', 'write a self-contained HTML page about the training'),
  ])
  group(command, 'Tuning:', rare(tuningFlags()))
  return command
}

/** What the help of `--help-all` has more. */
function tuningFlags(): Option[] {
  return [
    number('--accumulate <n>', 'batches of one step (default: 1)'),
    number('--warm-up <share>', 'share of the steps in which the learning rate rises (default: 0.06)'),
    choice('--rate-schedule <id>', 'how the learning rate falls (default: linear)', RATE_SCHEDULES),
    number('--end-rate <share>', 'share of the learning rate at the end (default: 0.01)'),
    number('--weight-decay <n>', 'weight decay of matrices (default: 0)'),
    number('--clip <n>', 'norm to which gradients are clipped, 0 does not (default: 1; 0 for mgpp)'),
    number('--evaluate-every <n>', 'steps between two measurements (default: a tenth, at most 200)'),
    number('--held-out-share <share>', 'share of --data that is held out without --held-out (default: 0.05)'),
    number('--distill <share>', 'weight of what the model said before it learned (default: 0)'),
    new Option('--freeze <patterns...>', 'names of tensors that do not learn, such as *embeddings*'),
    number('--initial-sparsity <share>', 'share that the first cut removes (default: 0.3)'),
    number('--prune-start <share>', 'share of the steps before the first cut (default: 0.1)'),
    number('--prune-end <share>', 'share of the steps after which zeros are final (default: 0.9)'),
    number('--prune-every <n>', 'steps between two cuts (default: 10)'),
    ...Object.entries(PRUNER_PARAMS).map(([name, param]) => paramFlag(name, param)),
    architectureFlag(),
  ]
}
