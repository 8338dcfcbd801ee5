import type { Command } from 'commander'
import type { RunOptions } from '../../call.js'
import { embed, type EmbedOptions } from '../../embed.js'
import { KerfError } from '../../errors.js'
import type { ProgressEvent } from '../../generated/index.js'
import type { ModelOptions } from '../../model.js'
import {
  addCommonFlags,
  architectureFlag,
  choice,
  dimensionsFlag,
  memoryFlag,
  ownFlags,
  threadsFlag,
} from '../flags.js'
import { plural } from '../../format.js'
import { examples } from '../help.js'
import {
  VECTOR_FORMS,
  vectorsAsJson,
  vectorWriter,
  type TakeVectors,
  type VectorForm,
} from '../output/vectors.js'
import { runWork, type CommonFlags } from '../run.js'
import { STDIN, withSpooled } from '../stdin.js'
import { countLines, lineBatches } from '../text-lines.js'
import { UsageError } from '../usage.js'

interface Flags extends ModelOptions, CommonFlags {
  text: string
  format?: VectorForm
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
    .requiredOption('--text <file>', 'UTF-8 file, one text a line; - is standard input')
    .addOption(
      choice(
        '--format <form>',
        'form of the vectors: lines of numbers, lines of JSON arrays, or one float32 array for numpy (default: text)',
        VECTOR_FORMS,
      ),
    )
    .option('--prompt <text>', 'goes before each text, in place of the prompt of the model')
    .option('--prompt-name <name>', "name of the model's prompt that goes before each text")
    .addOption(dimensionsFlag())
    .addOption(threadsFlag())
    .addOption(memoryFlag())
    .addOption(architectureFlag())
  examples(command, [
    'kerf embed ./MiniLM-kerf --text sentences.txt --format npy > vectors.npy',
    "echo 'A saw takes away the kerf.' | kerf embed ./MiniLM-kerf --text -",
  ])
  addCommonFlags(command).action(async (model: string, flags: Flags) => {
    const { text, format, ...options } = ownFlags(flags)
    // One JSON object is whole or it is none: its vectors wait for the last.
    const kept: Float32Array[] = []
    // On a terminal the vectors themselves are the progress.
    const quiet = flags.quiet === true || (flags.json !== true && process.stdout.isTTY)
    await runWork(
      command,
      { ...flags, quiet },
      {
        work: async (run, screen) => {
          checkForm(flags)
          const open = (rows: number | undefined): TakeVectors =>
            flags.json
              ? async vectors => void kept.push(...vectors)
              : vectorWriter(format ?? 'text', rows, screen)
          return embedFile(model, text, { ...options, ...run }, format === 'npy', open)
        },
        show: ({ truncated, notes }, screen) => {
          const cut = `${plural(truncated, 'text')} longer than the model's maximum, cut there`
          for (const note of truncated > 0 ? [...notes, cut] : notes) {
            process.stderr.write(`note: ${screen.spell?.(note) ?? note}\n`)
          }
        },
        showJson: (embedded, screen) => vectorsAsJson(kept, embedded, screen),
      },
    )
  })
}

function checkForm({ format, json }: Flags): void {
  if (format === undefined) return
  const actual = JSON.stringify(format)
  const refuse = (reason: string): never => {
    throw new UsageError({ option: 'format', expected: 'nothing', actual, reason })
  }
  if (json) refuse('`json` prints one object, with all vectors in it')
  if (format === 'npy' && process.stdout.isTTY)
    refuse('npy is no text for a terminal; send it to a file: > vectors.npy')
}

/**
 * Embeds the lines of a file a batch at a time, so that memory does not grow with the file; the vectors go in order to what `open`
 * gives, which hears the number of lines where it is known. `counted`: it must be, so that a pipe is put into a file first.
 */
async function embedFile(
  model: string,
  path: string,
  options: EmbedOptions & Required<RunOptions>,
  counted: boolean,
  open: (rows: number | undefined) => TakeVectors,
): Promise<Embedded> {
  const count = await countLines(path)
  if (counted && count === undefined) {
    return withSpooled(path, file => embedFile(model, file, options, counted, open))
  }
  const take = open(count)
  const notes = new Set<string>()
  const follow = ofBatches(options.onProgress, count)
  let [done, dimensions, truncated] = [0, 0, 0]
  for await (const lines of lineBatches(path)) {
    const before = done
    const vectors = await embed(model, lines, {
      ...options,
      onProgress: event => (event.unit === 'bytes' ? options.onProgress(event) : follow.take(event, before)),
      onTruncated: texts => void (truncated += texts),
      onNote: note => void notes.add(note),
    }).catch((error: unknown) => {
      throw withLine(error, path, before)
    })
    done += lines.length
    if (count !== undefined && done > count) throw changed(path, count, done)
    dimensions = vectors[0]?.length ?? 0
    await take(vectors)
  }
  if (count !== undefined && done !== count) throw changed(path, count, done)
  follow.end()
  return { dimensions, truncated, notes: [...notes] }
}

/** Tells of batches as of one work. Where nobody knows how many texts there will be, one more batch is taken to come, until none does. */
function ofBatches(
  onProgress: Required<RunOptions>['onProgress'],
  count: number | undefined,
): { take: (event: ProgressEvent, before: number) => void; end: () => void } {
  let last: ProgressEvent | undefined
  return {
    take(event, before) {
      const done = before + event.done
      const share = done / Math.max(1, count ?? done + event.total)
      const overall = Math.min(1, Math.max(share, last?.overall ?? 0))
      last = { ...event, done, total: count ?? before + event.total, overall }
      onProgress(last)
    },
    end() {
      if (last && last.overall < 1) onProgress({ ...last, done: last.total, overall: 1 })
    },
  }
}

/** What was promised of a file holds no more, such as the number of rows in a header. */
function changed(path: string, before: number, after: number): KerfError {
  const reason = `it changed while it was read (${plural(before, 'line')} before, ${after} now)`
  return new KerfError({
    code: 'IO',
    message: `${path}: ${reason}`,
    details: { path, kind: 'Changed', reason },
  })
}

/** The core counts the texts of a call from 0; who gave a file looks for a line. */
function withLine(error: unknown, path: string, before: number): unknown {
  if (!(error instanceof KerfError)) return error
  const { code, details, message, cause } = error
  const what = details['what']
  const index = typeof what === 'string' ? /^text (\d+)$/.exec(what)?.[1] : undefined
  if (typeof what !== 'string' || index === undefined) return error
  const line = `line ${before + Number(index) + 1} of ${path === STDIN.flag ? STDIN.name : path}`
  const data = { code, message: message.replace(what, () => line), details: { ...details, what: line } }
  return new KerfError(data, { cause })
}
