import type { Command } from 'commander'
import { compare } from '../../compare.js'
import { addCommonFlags, addMeasureFlags } from '../flags.js'
import { showComparison } from '../output/measures.js'
import { runWork } from '../run.js'
import { toMeasureOptions, type MeasureFlags } from './eval.js'

/** kerf compare ORIGINAL SMALL --text FILE | --pairs FILE */
export function addCompare(program: Command): void {
  const command = program
    .command('compare')
    .description('what a compression lost, measured on the same text')
    .argument('<original>', 'folder or file of the original')
    .argument('<small>', 'folder or file of the compressed model')
  addCommonFlags(addMeasureFlags(command)).action(
    async (original: string, small: string, flags: MeasureFlags) => {
      await runWork(flags, {
        work: run => compare(original, small, { ...toMeasureOptions(flags), ...run }),
        show: showComparison,
      })
    },
  )
}
