import type { Command } from 'commander'
import type { RunOptions } from '../../call.js'
import { classify, type Classified, type TextOrPair } from '../../classify.js'
import type { ModelOptions } from '../../model.js'
import { addCommonFlags, architectureFlag, memoryFlag, ownFlags, threadsFlag } from '../flags.js'
import { plural, significant } from '../../format.js'
import { examples } from '../help.js'
import { runWork, type CommonFlags } from '../run.js'
import type { Screen } from '../screen.js'
import { lineBatches } from '../text-lines.js'

interface Flags extends ModelOptions, CommonFlags {
  text: string
  threads?: number
  maxMemory?: string
}

/** kerf classify MODEL --text FILE */
export function addClassify(program: Command): void {
  const command = program
    .command('classify')
    .description('a label a line of a text')
    .argument('<model>', 'folder or file of a classifier')
    .requiredOption(
      '--text <file>',
      'UTF-8 file, one text a line, or two with a tab between them; - is standard input',
    )
    .addOption(threadsFlag())
    .addOption(memoryFlag())
    .addOption(architectureFlag())
  examples(command, [
    'kerf classify ./sentiment --text reviews.txt > labels.tsv',
    "echo 'What a fine film.' | kerf classify ./sentiment --text -",
  ])
  addCommonFlags(command).action(async (model: string, flags: Flags) => {
    const { text, ...options } = ownFlags(flags)
    const all: Classified[] = []
    await runWork(command, flags, {
      work: async (run, screen) => {
        const take = (found: Classified[]): void => {
          if (flags.json) all.push(...found)
          else found.forEach(one => screen.line(line(one)))
        }
        return labelLines(model, text, { ...options, ...run }, take)
      },
      show: (truncated, screen) => warn(truncated, screen),
      showJson: async (truncated, screen) => screen.line(JSON.stringify({ texts: all, truncated })),
    })
  })
}

/** Label and probability. */
const line = ({ label, probability }: Classified): string => `${label}\t${significant(probability, 4)}`

function warn(truncated: number, screen: Screen): void {
  if (truncated === 0) return
  const cut = `${plural(truncated, 'text')} longer than the model's maximum, cut there`
  process.stderr.write(`note: ${screen.spell?.(cut) ?? cut}\n`)
}

/** Labels the lines of a file a batch at a time, in order; gives how many texts were cut. */
async function labelLines(
  model: string,
  path: string,
  options: ModelOptions & { threads?: number; maxMemory?: string } & Required<RunOptions>,
  take: (found: Classified[]) => void,
): Promise<number> {
  let truncated = 0
  const onTruncated = (texts: number): void => void (truncated += texts)
  for await (const lines of lineBatches(path)) {
    take(await classify(model, lines.map(textOrPair), { ...options, onTruncated }))
  }
  return truncated
}

function textOrPair(line: string): TextOrPair {
  const [first = '', second, ...more] = line.split('\t')
  return second !== undefined && more.length === 0 ? [first, second] : line
}
