import type { Command } from 'commander'
import { evaluate } from '../../evaluate.js'
import type { ModelOptions } from '../../model.js'
import { addCommonFlags, addMeasureFlags } from '../flags.js'
import { showEvaluation } from '../output/measures.js'
import { runWork, type CommonFlags } from '../run.js'

/** Flags of `eval` and `compare` as commander gives them. */
export interface MeasureFlags extends ModelOptions, CommonFlags {
  text?: string
  pairs?: string
  context?: number
  threads?: number
  maxMemory?: string
}

/** The options of the API: on the command line `--text` is a file. */
export function toMeasureOptions(flags: MeasureFlags): object {
  const { text, pairs, context, threads, architecture, maxMemory } = flags
  return { textFile: text, pairs, context, threads, architecture, maxMemory }
}

/** kerf eval MODEL --text FILE | --pairs FILE */
export function addEval(program: Command): void {
  const command = program
    .command('eval')
    .description('perplexity on a text, Spearman on sentence pairs')
    .argument('<model>', 'folder or file of a model')
  addCommonFlags(addMeasureFlags(command)).action(async (model: string, flags: MeasureFlags) => {
    await runWork(flags, {
      work: run => evaluate(model, { ...toMeasureOptions(flags), ...run }),
      show: showEvaluation,
    })
  })
}
