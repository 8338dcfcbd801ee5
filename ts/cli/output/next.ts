import type { CompressOptions } from '../../options.js'
import type { AfterOptions } from '../../quality/options.js'
import { shellWord } from '../../format.js'
import type { Screen } from '../screen.js'

/** What a model is for: a decoder writes text, an encoder gives vectors; `undefined` if its network is not known. */
export type Kind = 'decoder' | 'encoder' | undefined

/** Prints the commands that come after a compression, each on a line of its own that a shell takes as it is. */
export function nextCommands(
  model: string,
  out: string,
  kind: Kind,
  { evalText, evalPairs }: CompressOptions & AfterOptions,
  screen: Screen,
): void {
  const [before, small] = [shellWord(model), shellWord(out)]
  // A file that was given is one that is there; FILE is for the reader to name.
  const file = (given: string | undefined, name: string): string =>
    given === undefined || given === '-' ? name : shellWord(given)
  const lines: Record<'decoder' | 'encoder', string[]> = {
    decoder: [
      `kerf generate ${small} --prompt 'Once upon a time'`,
      `kerf compare ${before} ${small} --text ${file(evalText, 'FILE.txt')}`,
    ],
    encoder: [
      `echo 'One text a line.' | kerf embed ${small} --text -`,
      `kerf compare ${before} ${small} --pairs ${file(evalPairs, 'FILE.csv')}`,
    ],
  }
  screen.line()
  screen.line(screen.colors.dim('Next:'))
  for (const line of kind === undefined ? [`kerf inspect ${small}`] : lines[kind]) screen.line(`  ${line}`)
}
