import type { Command } from 'commander'
import { compare } from '../../compare.js'
import { addCommonFlags, addMeasureFlags } from '../flags.js'
import { examples } from '../help.js'
import { showComparison } from '../output/measures.js'
import { runWork } from '../run.js'
import { measured, type MeasureFlags } from './eval.js'

/** kerf compare ORIGINAL SMALL --text FILE | --pairs FILE */
export function addCompare(program: Command): void {
  const command = program
    .command('compare')
    .description('what a compression lost, measured on the same text')
    .argument('<original>', 'folder or file of the original')
    .argument('<small>', 'folder or file of the compressed model')
  examples(command, [
    'kerf compare ./SmolLM2 ./SmolLM2-kerf --text book.txt',
    'kerf compare ./MiniLM ./MiniLM-kerf --pairs stsb.csv',
  ])
  addCommonFlags(addMeasureFlags(command)).action(
    async (original: string, small: string, flags: MeasureFlags) => {
      await runWork(command, flags, {
        work: run => measured(flags, options => compare(original, small, { ...options, ...run })),
        show: showComparison,
      })
    },
  )
}
