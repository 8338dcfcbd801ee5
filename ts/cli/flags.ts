import { Option, type Command } from 'commander'
import { oneOf, type Rule } from '../check.js'
import {
  DEFAULT_OPTIONS,
  FORMATS,
  GRANULARITIES,
  ISAS,
  LOSS_SCALES,
  METHOD_PARAMS,
  METHODS,
  PRESETS,
  QUALITIES,
  SCHEDULES,
} from '../generated/index.js'
import type { Param } from '../params.js'
import { flagWord } from '../format.js'
import { RECOVER_BY, RECOVER_TEXT } from '../recover.js'
import { size } from '../size.js'
import { suggest } from '../suggest.js'
import { group, rare } from './help.js'
import { UsageError } from './usage.js'

/** A flag whose values are read by a rule: what is none of its kind is a {@link UsageError} with the words of the API. */
function flagOf<T>(flags: string, text: string, rule: Rule, read: (value: string) => T): Option {
  const option = new Option(flags, text)
  return option.argParser((value: string) => {
    const found = read(value)
    if (rule.test(found)) return found
    const suggestions = rule.ids ? suggest(value, rule.ids) : []
    throw new UsageError({
      option: option.attributeName(),
      expected: rule.expected,
      actual: JSON.stringify(value),
      suggestions,
    })
  })
}

const aNumber: Rule = { expected: 'a number', test: Number.isFinite }

/** A flag that takes a number; the API checks its range. */
export const number = (flags: string, text: string): Option =>
  flagOf(flags, text, aNumber, value => (value.trim() === '' ? NaN : Number(value)))
const sizeOf = (flags: string, text: string): Option => flagOf(flags, text, size, value => value)
/** A flag that takes one of the ids of a table. */
export const choice = (flags: string, text: string, ids: readonly string[]): Option => {
  const option = flagOf(flags, text, oneOf(ids), value => value)
  // For the help; the check is above.
  option.argChoices = [...ids]
  return option
}

const D = DEFAULT_OPTIONS

/**
 * Options of `compress` and `plan`; their camelCase is `CompressOptions`. Defaults are the core's, and only named here. The half that
 * only helps whoever tunes a method is shown by `--help-all`.
 */
export function addCompressFlags(command: Command): Command {
  group(command, 'How small:', [
    choice(
      '--preset <name>',
      'how small: safe (8 bits), light (5 bits), compact (4), small (3) or tiny (2) (default: light, if nothing else here says how small)',
      PRESETS,
    ),
    number('--sparsity <share>', 'share of the weights to remove (default: 0, or what --pattern says)'),
    new Option(
      '--keep-mask',
      'zeros of a model that was pruned before stay, and nothing else is removed (not with --sparsity)',
    ),
    number(
      '--bits <n>',
      `bits of a code, 2 to 8; 16 keeps floats (default: what --preset or --format says, ${D.bits} with --sparsity)`,
    ),
    number(
      '--target-bits <n>',
      `bits per weight that the target matrices may take (default: ${D.targetBits} in format ${D.format}, by --preset)`,
    ),
    sizeOf('--target-bytes <size>', 'size that all files of the result may have together, such as 10MB'),
    choice('--format <id>', `form of the result (default: ${D.format})`, FORMATS),
  ])
  group(command, 'How well:', [
    choice('--quality <name>', 'how much effort (default: balanced)', QUALITIES),
    new Option(
      '--calibration <source>',
      'a text file (- is standard input), "builtin", or "self": the model writes its own (default: builtin)',
    ),
    number('--tokens <n>', `most calibration tokens (default: ${D.tokens})`),
    choice(
      '--method <id>',
      `how a matrix is solved (default: ${D.method} in format ${D.format}, joint with --sparsity or --bits)`,
      METHODS,
    ),
    new Option(
      '--recover <tokens>',
      'teach what survived on so many tokens, such as 200k or 2M, to do what the dense model does, or false (default: not; the calibration tokens with --quality best)',
    ).argParser(value => (value === 'false' ? false : value)),
  ])
  group(command, 'The machine:', [
    memoryFlag(),
    number('--threads <n>', 'worker threads (default: all)'),
    new Option('--no-estimate', 'do not foresee the time, which takes a fraction of a second'),
  ])
  group(command, 'Tuning:', rare(tuningFlags()))
  return command
}

/** The flag of a parameter of a method or a pruner. */
export function paramFlag(name: string, { kind, about }: Param): Option {
  const flag = flagWord(name)
  const text = about.replaceAll('`', '').replace(/\.$/, '')
  const words = text.charAt(0).toLowerCase() + text.slice(1)
  return kind === 'flag' ? new Option(flag, words) : number(`${flag} <n>`, words)
}

/** What the help of `--help-all` has more. */
function tuningFlags(): Option[] {
  return [
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
    ...Object.entries(METHOD_PARAMS).map(([name, param]) => paramFlag(name, param)),
    number('--group-size <n>', `columns that share a scale; 0 is a whole row (default: ${D.groupSize})`),
    new Option(
      '--pattern <p>',
      'unstructured, row, or N:M such as 2:4 (default: what the method is known for)',
    ),
    number(
      '--embedding-bits <n>',
      `bits of embeddings and head; 16 keeps them (default: by --preset in format ${D.format}, else by --bits or --format)`,
    ),
    number(
      '--head-bits <n>',
      'bits of the head, also where it is an embedding (default: by --preset in format kerf, else as embeddings, at least 6 in kerf)',
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
    number('--seed <n>', `seed of everything random (default: ${D.seed})`),
    new Option('--strict', 'a repair (more damping, dead columns, a fallback) is an error'),
    choice('--recover-by <what>', 'what is taught at once (default: auto)', RECOVER_BY),
    choice(
      '--recover-text <what>',
      'what a whole model reads: the calibration text, what it writes itself, or both (default: calibration)',
      RECOVER_TEXT,
    ),
    number(
      '--recover-rate <share>',
      'learning rate of --recover, relative to the values of each tensor (default: 0.03)',
    ),
    choice('--isa <id>', 'instruction set; portable gives the same bytes everywhere', ISAS),
    sizeOf('--max-shard-size <size>', 'largest file of the result (default: 5GB)'),
    architectureFlag(),
  ]
}

/** Options of `compress` alone: what happens when the work is done. */
export function addAfterFlags(command: Command): Command {
  group(command, 'What it lost:', [
    new Option(
      '--report <file>',
      'write a self-contained HTML page about the run, quality before and after included',
    ),
    number(
      '--max-loss <n>',
      'most that a calibrated result may lose, as the run measures it (KL in nats; encoders: 1 - cosine); more is an error, and the result is kept beside',
    ),
    new Option(
      '--eval-text <file>',
      'measure quality on this UTF-8 text (encoders: one text a line); - is standard input',
    ),
    new Option('--eval-pairs <file>', 'measure an encoder on this CSV of sentence, sentence, score'),
  ])
  return command
}

/** Options of `eval` and `compare`. */
export function addMeasureFlags(command: Command): Command {
  return command
    .option('--text <file>', 'UTF-8 text for perplexity; - is standard input')
    .option('--pairs <file>', 'CSV of sentence, sentence, score, for Spearman')
    .addOption(number('--context <n>', "window in tokens (default: the model's maximum, at most 2048)"))
    .addOption(threadsFlag())
    .addOption(memoryFlag())
    .addOption(architectureFlag())
}

/** What `eval` alone measures: heads, on the files of tasks. */
export function addTaskFlags(command: Command): Command {
  group(command, 'Heads:', [
    new Option('--task <file>', 'lines of text, tab, label (or two texts and a label), for a classifier'),
    new Option('--qa <file>', 'JSON of SQuAD, for a model that answers questions'),
    number(
      '--stride <n>',
      'tokens of a context that two windows share (default: 128, at most a third of a window)',
    ),
    number('--max-answer <n>', 'most tokens of an answer (default: 30)'),
    new Option(
      '--completion <file>',
      'JSON lines or CSV of prompt and completion, or of good and bad, for a decoder',
    ),
    number(
      '--generate <n>',
      'let it write behind the prompts of --completion, up to n tokens each: BLEU, ROUGE-L',
    ),
  ])
  return command
}

/** Router of `eval` and `generate`. */
export function addRouterFlags(command: Command): Command {
  group(command, 'Skipping tokens:', [
    new Option(
      '--router <which>',
      'a folder that kerf route wrote, static (first and most recent tokens) or random; decoders only',
    ),
    number('--token-sparsity <share>', 'mean share of tokens that blocks skip, for static and random'),
    new Option(
      '--schedule <folder>',
      'take the schedule of a folder that kerf route wrote, for static and random',
    ),
  ])
  return command
}

/** `--force`, on every command that writes a model. */
export function forceFlag(): Option {
  return new Option('--force', 'replace a result that is there already, if kerf wrote it')
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
