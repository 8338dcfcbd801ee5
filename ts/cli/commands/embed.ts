import type { Command } from 'commander'
import type { RunOptions } from '../../call.js'
import { embed, type EmbedOptions } from '../../embed.js'
import { KerfError } from '../../errors.js'
import type { ModelOptions } from '../../model.js'
import {
  addCommonFlags,
  architectureFlag,
  dimensionsFlag,
  memoryFlag,
  ownFlags,
  threadsFlag,
} from '../flags.js'
import { plural } from '../../format.js'
import { showVectors, vectorsAsJson } from '../output/vectors.js'
import { runWork, type CommonFlags } from '../run.js'
import { countLines, lineBatches } from '../text-lines.js'

interface Flags extends ModelOptions, CommonFlags {
  text: string
  prompt?: string
  promptName?: string
  dimensions?: number
  threads?: number
  maxMemory?: string
}

/** What there is to say beside the vectors. */
interface Embedded {
  dimensions: number
  /** Texts that were cut. */
  truncated: number
  notes: string[]
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
    .addOption(memoryFlag())
    .addOption(architectureFlag())
  addCommonFlags(command).action(async (model: string, flags: Flags) => {
    const { text, ...options } = ownFlags(flags)
    // One JSON object is whole or it is none: its vectors wait for the last.
    const kept: Float32Array[] = []
    // On a terminal the vectors themselves are the progress.
    const quiet = flags.quiet === true || (flags.json !== true && process.stdout.isTTY)
    await runWork(
      { ...flags, quiet },
      {
        work: (run, screen) =>
          embedFile(model, text, { ...options, ...run }, async vectors => {
            if (flags.json) kept.push(...vectors)
            else await showVectors(vectors, screen)
          }),
        show: ({ truncated, notes }) => {
          const cut = `${plural(truncated, 'text')} longer than the model's maximum, cut there`
          for (const note of truncated > 0 ? [...notes, cut] : notes) process.stderr.write(`note: ${note}\n`)
        },
        showJson: (embedded, screen) => vectorsAsJson(kept, embedded, screen),
      },
    )
  })
}

/** Embeds the lines of a file a batch at a time, so that memory does not grow with the file; `take` gets the vectors in order. */
async function embedFile(
  model: string,
  path: string,
  options: EmbedOptions & Required<RunOptions>,
  take: (vectors: Float32Array[]) => Promise<void>,
): Promise<Embedded> {
  const count = await countLines(path)
  const notes = new Set<string>()
  let [done, dimensions, truncated] = [0, 0, 0]
  for await (const lines of lineBatches(path)) {
    const before = done
    const vectors = await embed(model, lines, {
      ...options,
      onProgress: event =>
        options.onProgress(
          event.unit === 'bytes'
            ? event
            : { ...event, done: before + event.done, total: count ?? before + event.total },
        ),
      onTruncated: texts => void (truncated += texts),
      onNote: note => void notes.add(note),
    }).catch((error: unknown) => {
      throw withLine(error, path, before)
    })
    done += lines.length
    dimensions = vectors[0]?.length ?? 0
    await take(vectors)
  }
  return { dimensions, truncated, notes: [...notes] }
}

/** The core counts the texts of a call from 0; who gave a file looks for a line. */
function withLine(error: unknown, path: string, before: number): unknown {
  if (!(error instanceof KerfError)) return error
  const { code, details, message, cause } = error
  const what = details['what']
  const index = typeof what === 'string' ? /^text (\d+)$/.exec(what)?.[1] : undefined
  if (typeof what !== 'string' || index === undefined) return error
  const line = `line ${before + Number(index) + 1} of ${path}`
  const data = { code, message: message.replace(what, () => line), details: { ...details, what: line } }
  return new KerfError(data, { cause })
}
