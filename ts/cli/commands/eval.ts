import type { Command } from 'commander'
import { evaluate, type EvaluateOptions } from '../../evaluate.js'
import type { ModelOptions } from '../../model.js'
import { addCommonFlags, addMeasureFlags, addRouterFlags, addTaskFlags } from '../flags.js'
import { examples } from '../help.js'
import { showEvaluation } from '../output/measures.js'
import { runWork, type CommonFlags } from '../run.js'
import { withStdin } from '../stdin.js'

/** Flags of `eval` and `compare` as commander gives them. */
export interface MeasureFlags extends ModelOptions, CommonFlags {
  text?: string
  pairs?: string
  context?: number
  threads?: number
  maxMemory?: string
}

/** Work with the options of the API: on the command line `--text` is a file, or standard input. */
export function measured<R>(flags: EvalFlags, work: (options: EvaluateOptions) => Promise<R>): Promise<R> {
  const { text, json: _json, quiet: _quiet, ...others } = flags
  const options: EvaluateOptions = text === undefined ? others : { ...others, textFile: text }
  return withStdin(options, ['textFile', 'pairs', 'task', 'qa', 'completion'], work)
}

/** Flags of `eval` as commander gives them. */
interface EvalFlags extends MeasureFlags {
  task?: string
  qa?: string
  completion?: string
  generate?: number
  stride?: number
  maxAnswer?: number
  router?: string
  tokenSparsity?: number
  schedule?: string
}

/** kerf eval MODEL --text FILE | --pairs FILE | --task FILE | --qa FILE | --completion FILE */
export function addEval(program: Command): void {
  const command = program
    .command('eval')
    .description('perplexity on a text, Spearman on sentence pairs, what a head does on a task')
    .argument('<model>', 'folder or file of a model')
  examples(command, [
    'kerf eval ./SmolLM2-kerf --text book.txt',
    'kerf eval ./MiniLM-kerf --pairs stsb.csv',
    'kerf eval ./my-classifier --task dev.tsv',
    'kerf eval ./SmolLM2 --text book.txt --router ./SmolLM2-router',
  ])
  addCommonFlags(addRouterFlags(addTaskFlags(addMeasureFlags(command)))).action(
    async (model: string, flags: EvalFlags) => {
      await runWork(command, flags, {
        work: run => measured(flags, options => evaluate(model, { ...options, ...run })),
        show: showEvaluation,
      })
    },
  )
}
