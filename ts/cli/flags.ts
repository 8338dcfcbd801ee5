import { InvalidArgumentError, Option, type Command } from 'commander'
import {
  DEFAULT_OPTIONS,
  FORMATS,
  GRANULARITIES,
  ISAS,
  LOSS_SCALES,
  METHODS,
  PRESETS,
  QUALITIES,
  SCHEDULES,
} from '../generated/index.js'
import { size } from '../size.js'

/** A number on the command line; the API checks its range. */
export function toNumber(value: string): number {
  const number = value.trim() === '' ? NaN : Number(value)
  if (!Number.isFinite(number)) throw new InvalidArgumentError('It must be a number.')
  return number
}

function toSize(value: string): string {
  if (!size.test(value)) throw new InvalidArgumentError(`It must be ${size.expected}.`)
  return value
}

const number = (flags: string, text: string): Option => new Option(flags, text).argParser(toNumber)
const sizeOf = (flags: string, text: string): Option => new Option(flags, text).argParser(toSize)
const choice = (flags: string, text: string, ids: readonly string[]): Option =>
  new Option(flags, text).choices([...ids])

const D = DEFAULT_OPTIONS

/** Options of `compress` and `plan`; their camelCase is `CompressOptions`. Defaults are the core's, and only named here. */
export function addCompressFlags(command: Command): Command {
  const options = [
    choice(
      '--preset <name>',
      'how small: safe (8 bits), light (4 bits), compact (3 bits), half, small or tiny (50, 70, 80 % removed)',
      PRESETS,
    ),
    choice('--quality <name>', 'how much effort (default: balanced)', QUALITIES),
    number(
      '--sparsity <share>',
      'share of the weights to remove (default: 0.7, or what --pattern says; 0 for rtn)',
    ),
    number('--bits <n>', `bits of a code, 2 to 8; 16 keeps floats (default: ${D.bits})`),
    number(
      '--target-bits <n>',
      'bits per weight that the target matrices may take; each gets 2, 3, 4 or 8 bits',
    ),
    sizeOf('--target-bytes <size>', 'size that all files of the result may have together, such as 10MB'),
    choice('--method <id>', `how a matrix is solved (default: ${D.method})`, METHODS),
    choice('--schedule <id>', `how sparsity is spread (default: ${D.schedule})`, SCHEDULES),
    choice(
      '--granularity <g>',
      `what a schedule gives a share of its own (default: ${D.granularity})`,
      GRANULARITIES,
    ),
    number('--levels <n>', `levels of loss for error-levels; 0 tells all apart (default: ${D.levels})`),
    number('--slope <share>', `error-levels' answer to a tenfold loss (default: ${D.slope})`),
    choice(
      '--loss-scale <s>',
      `what makes losses comparable for error-levels (default: ${D.lossScale})`,
      LOSS_SCALES,
    ),
    number('--generations <n>', `generations of the schedule search (default: ${D.generations})`),
    choice('--format <id>', `form of the result (default: ${D.format})`, FORMATS),
    new Option(
      '--calibration <source>',
      'a text file, "builtin", or "self": the model writes its own (default: builtin)',
    ),
    number('--tokens <n>', `most calibration tokens (default: ${D.tokens})`),
    number(
      '--iterations <n>',
      'iterations of the search for what survives (admm, joint; default: by --quality)',
    ),
    number('--sweeps <n>', 'sweeps of coordinate descent over the codes (default: by --quality)'),
    number('--group-size <n>', `columns that share a scale; 0 is a whole row (default: ${D.groupSize})`),
    new Option(
      '--pattern <p>',
      'unstructured, row, or N:M such as 2:4 (default: what the method is known for)',
    ),
    memoryFlag(),
    number('--threads <n>', 'worker threads (default: all)'),
    number('--seed <n>', `seed of everything random (default: ${D.seed})`),
    new Option('--strict', 'a repair (more damping, dead columns, a fallback) is an error'),
    number(
      '--embedding-bits <n>',
      `bits of embeddings and head; 16 keeps them (default: ${D.embeddingBits})`,
    ),
    number(
      '--head-bits <n>',
      'bits of the head, also where it is an embedding (default: as embeddings, at least 6 in kerf)',
    ),
    number(
      '--embedding-sparsity <share>',
      `share of embedding weights to remove (default: ${D.embeddingSparsity})`,
    ),
    number('--damping <share>', `damping of the Hessian (default: ${D.dampingRel})`),
    number(
      '--blend <share>',
      'how much of what the dense model computes a matrix aims at, 0 to 1 (default: what --method is known for; 0 with --quality fast)',
    ),
    choice('--isa <id>', 'instruction set; portable gives the same bytes everywhere', ISAS),
    new Option('--no-estimate', 'do not foresee the time, which takes a fraction of a second'),
    sizeOf('--max-shard-size <size>', 'largest file of the result (default: 5GB)'),
    architectureFlag(),
  ]
  for (const option of options) command.addOption(option)
  return command
}

/** Options of `compress` alone: what happens when the work is done. */
export function addAfterFlags(command: Command): Command {
  return command
    .option(
      '--report <file>',
      'write a self-contained HTML page about the run, quality before and after included',
    )
    .option('--eval-text <file>', 'measure quality on this UTF-8 text (encoders: one text a line)')
    .option('--eval-pairs <file>', 'measure an encoder on this CSV of sentence, sentence, score')
}

/** Options of `eval` and `compare`. */
export function addMeasureFlags(command: Command): Command {
  return command
    .option('--text <file>', 'UTF-8 text for perplexity')
    .option('--pairs <file>', 'CSV of sentence, sentence, score, for Spearman')
    .addOption(number('--context <n>', "window in tokens (default: the model's maximum, at most 2048)"))
    .addOption(threadsFlag())
    .addOption(memoryFlag())
    .addOption(architectureFlag())
}

/** `--threads`. */
export function threadsFlag(): Option {
  return number('--threads <n>', 'worker threads (default: all)')
}

/** `--max-memory`, on every command that runs a model. */
export function memoryFlag(): Option {
  return sizeOf('--max-memory <size>', 'peak memory, such as 2GiB; refused at once if it cannot be kept')
}

/** `--dimensions` of `embed`. */
export function dimensionsFlag(): Option {
  return number(
    '--dimensions <n>',
    'numbers of each vector that are kept (default: what the model says, else all)',
  )
}

/** `--architecture`, on every command that opens a model to run it. */
export function architectureFlag(): Option {
  return new Option('--architecture <file>', 'JSON file that describes a model type that kerf does not know')
}

/** `--json` and `--quiet`, on every command. */
export function addCommonFlags(command: Command): Command {
  return command
    .option('--json', 'print one JSON object and nothing else')
    .option('--quiet', 'show no progress')
}

/** The flags of one command without those that all have. */
export function ownFlags<T extends object>(flags: T): Omit<T, 'json' | 'quiet'> {
  const { json: _json, quiet: _quiet, ...own } = flags as T & { json?: unknown; quiet?: unknown }
  return own
}
