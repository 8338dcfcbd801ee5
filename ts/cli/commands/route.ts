import { Option, type Command } from 'commander'
import { route, type RouteOptions, type RouteResult } from '../../route.js'
import {
  addCommonFlags,
  architectureFlag,
  choice,
  forceFlag,
  memoryFlag,
  number,
  ownFlags,
  threadsFlag,
} from '../flags.js'
import { ROUTERS } from '../../generated/index.js'
import { examples, group } from '../help.js'
import { showRouting } from '../output/routing.js'
import { runWork, type CommonFlags } from '../run.js'
import { withStdin } from '../stdin.js'

/** Flags of `route` as commander gives them. */
type Flags = RouteOptions & CommonFlags

/** kerf route MODEL --token-sparsity SHARE [options] */
export function addRoute(program: Command): void {
  const command = program
    .command('route')
    .description('search which tokens may skip which blocks of a decoder')
    .argument('<model>', 'folder or file of a decoder')
  group(command, 'Where to:', [
    new Option('--out <folder>', 'folder of the result (default: NAME-router beside the model)'),
    forceFlag(),
    new Option('--work-dir <folder>', 'folder of what is found so far (default: hidden, beside the result)'),
  ])
  group(command, 'How much:', [
    number('--token-sparsity <share>', 'mean share of tokens that each block skips (default: 0.3)'),
    choice('--router <id>', 'which router: a rule, or mlp, which learns (default: static)', ROUTERS),
  ])
  group(command, 'How well:', [
    new Option(
      '--calibration <source>',
      'a text file (- is standard input), "builtin", or "self": the model writes its own (default: builtin)',
    ),
    number('--tokens <n>', 'most calibration tokens; a quarter is held out, to measure (default: 8192)'),
    number('--generations <n>', 'generations of the search (default: 20)'),
    number('--offspring <n>', 'changed schedules in each generation (default: 16)'),
    number('--steps <n>', 'steps in which --router mlp learns (default: 300)'),
    number('--learning-rate <n>', 'highest learning rate of --router mlp (default: 0.003)'),
    number('--rank <n>', 'rank of what skipped tokens get with --router mlp; 0: nothing (default: 0)'),
    number('--seed <n>', 'seed of everything random (default: 0)'),
  ])
  group(command, 'The machine:', [memoryFlag(), threadsFlag(), architectureFlag()])
  group(command, 'What came of it:', [
    new Option('--report <file>', 'write a self-contained HTML page about the router'),
  ])
  addCommonFlags(command)
  examples(command, [
    'kerf route ./SmolLM2 --token-sparsity 0.3 --out ./SmolLM2-router',
    'kerf route ./SmolLM2 --token-sparsity 0.3 --router mlp',
    'kerf route ./SmolLM2-kerf --token-sparsity 0.4 --calibration book.txt --report router.html',
  ])
  command.action(async (model: string, flags: Flags) => {
    await runWork<RouteResult>(command, flags, {
      work: run =>
        withStdin(ownFlags(flags), ['calibration'], options => route(model, { ...options, ...run })),
      show: (report, screen) => showRouting(model, report, screen),
    })
  })
}
