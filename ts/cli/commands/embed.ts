import type { Command } from 'commander'
import { readFile } from 'node:fs/promises'
import { embed } from '../../embed.js'
import { KerfError } from '../../errors.js'
import type { ModelOptions } from '../../model.js'
import { addCommonFlags, architectureFlag, dimensionsFlag, ownFlags, threadsFlag } from '../flags.js'
import { plural } from '../../format.js'
import { runWork, type CommonFlags } from '../run.js'

interface Flags extends ModelOptions, CommonFlags {
  text: string
  prompt?: string
  promptName?: string
  dimensions?: number
  threads?: number
}

/** kerf embed MODEL --text FILE */
export function addEmbed(program: Command): void {
  const command = program
    .command('embed')
    .description('one vector a line of a text')
    .argument('<model>', 'folder or file of a model')
    .requiredOption('--text <file>', 'UTF-8 file, one text a line')
    .option('--prompt <text>', 'goes before each text, in place of the prompt of the model')
    .option('--prompt-name <name>', "name of the model's prompt that goes before each text")
    .addOption(dimensionsFlag())
    .addOption(threadsFlag())
    .addOption(architectureFlag())
  addCommonFlags(command).action(async (model: string, flags: Flags) => {
    let truncated = 0
    const notes: string[] = []
    await runWork(flags, {
      work: async run => {
        const { text: _text, ...own } = ownFlags(flags)
        const options = { ...own, ...run }
        const onTruncated = (texts: number): void => void (truncated = texts)
        const onNote = (note: string): void => void notes.push(note)
        return embed(model, await readLines(flags.text), { ...options, onTruncated, onNote })
      },
      show: (vectors, screen) => {
        for (const vector of vectors) screen.line(Array.from(vector, shortFloat).join(' '))
        if (truncated > 0)
          notes.push(`${plural(truncated, 'text')} longer than the model's maximum, cut there`)
        for (const note of notes) process.stderr.write(`note: ${note}\n`)
      },
      json: vectors => ({
        vectors: vectors.map(vector => Array.from(vector, shortFloat)),
        dimensions: vectors[0]?.length ?? 0,
        truncated,
        notes,
      }),
    })
  })
}

/** The shortest decimal number near a float: nine digits name each 32-bit float exactly. */
function shortFloat(value: number): number {
  return Number(value.toPrecision(9))
}

/** Lines of a file; the end of the last line begins no further one. */
async function readLines(path: string): Promise<string[]> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') {
      const details = { path, kind: error.code ?? '', reason: error.message }
      throw new KerfError({ code: 'IO', message: `${path}: ${error.message}`, details })
    }
    throw new KerfError({ code: 'NOT_FOUND', message: `${path} does not exist`, details: { path } })
  })
  const lines = bytes.toString('utf8').split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  if (lines.length > 0) return lines
  throw new KerfError({
    code: 'EMPTY',
    message: `${path} is empty: give one text a line`,
    details: { what: path, fix: 'give one text a line' },
  })
}
