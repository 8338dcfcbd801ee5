import type { Command } from 'commander'
import { evaluate } from '../../evaluate.js'
import type { MeasureOptions } from '../../measure.js'
import type { ModelOptions } from '../../model.js'
import { addCommonFlags, addMeasureFlags } from '../flags.js'
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
export function measured<R>(flags: MeasureFlags, work: (options: MeasureOptions) => Promise<R>): Promise<R> {
  const { text, json: _json, quiet: _quiet, ...others } = flags
  const options: MeasureOptions = text === undefined ? others : { ...others, textFile: text }
  return withStdin(options, ['textFile', 'pairs'], work)
}

/** kerf eval MODEL --text FILE | --pairs FILE */
export function addEval(program: Command): void {
  const command = program
    .command('eval')
    .description('perplexity on a text, Spearman on sentence pairs')
    .argument('<model>', 'folder or file of a model')
  examples(command, ['kerf eval ./SmolLM2-kerf --text book.txt', 'kerf eval ./MiniLM-kerf --pairs stsb.csv'])
  addCommonFlags(addMeasureFlags(command)).action(async (model: string, flags: MeasureFlags) => {
    await runWork(command, flags, {
      work: run => measured(flags, options => evaluate(model, { ...options, ...run })),
      show: showEvaluation,
    })
  })
}
