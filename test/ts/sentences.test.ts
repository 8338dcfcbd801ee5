// What the terminal says of each thing that can be wrong: the exact sentence, in the words of the command line.
import { compress, convert, evaluate, plan } from 'kerf'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { jsonError, kerf } from './support/cli.js'
import { kerfError } from './support/errors.js'
import { copyModel, temporaryFolder } from './support/folders.js'
import { encoder, sample, stories } from './support/models.js'

const folder = temporaryFolder()
const out = join(folder, 'out')
const at = (name: string): string => join(folder, name)
const METHODS = 'rtn, magnitude, wanda, obs, descent, admm, joint, entropy'
const FORMATS = 'kerf, safetensors, compressed-tensors, gguf-q4_0, gguf-q8_0'

beforeAll(() => {
  mkdirSync(at('empty'))
  mkdirSync(at('mine'))
  writeFileSync(at('mine/notes.txt'), 'mine')
  writeFileSync(at('notes.md'), 'not a model')
  writeFileSync(at('nothing.txt'), '')
  writeFileSync(at('two.tsv'), 'a good one\tgood\na bad one\tbad\n')
  writeFileSync(at('latin.txt'), Buffer.from([0x61, 0xff]))
  writeFileSync(at('both.json'), '{"bits": 4, "targetBits": 3}')
  writeFileSync(at('typo.json'), '{"sparsty": 0.5}')
  writeFileSync(at('id.json'), '{"preset": "tinny"}')
  damage('unknown', model => configure(model, { model_type: 'spiral' }))
  damage('no-width', model => configure(model, { hidden_size: 0 }))
  damage('silent', model => rmSync(join(model, 'tokenizer.json')))
  damage('cut', model => truncateSync(join(model, 'model.safetensors'), 500_000))
  damage('linked', model => {
    rmSync(join(model, 'tokenizer.json'))
    symlinkSync('/nowhere/blob', join(model, 'tokenizer.json'))
  })
})

function damage(name: string, change: (model: string) => void): void {
  change(copyModel(stories, folder, name))
}

function configure(model: string, values: object): void {
  const file = join(model, 'config.json')
  const config = JSON.parse(readFileSync(file, 'utf8')) as object
  writeFileSync(file, JSON.stringify({ ...config, ...values }))
}

/** A command, and what it says after `kerf: `. */
type Row = [args: () => string[], sentence: () => string]

const compressing =
  (...flags: string[]) =>
  (): string[] => ['compress', stories, '--out', out, ...flags]
const evaluating =
  (...flags: string[]) =>
  (): string[] => ['eval', stories, ...flags]
const generating =
  (...flags: string[]) =>
  (): string[] => ['generate', stories, '--prompt', 'a', ...flags]
const says = (sentence: string) => (): string => sentence

const learning =
  (...flags: string[]) =>
  (): string[] => ['finetune', stories, '--out', out, ...flags]

const rows: Row[] = [
  [
    evaluating('--text', sample, '--router', 'static'),
    says(
      '--token-sparsity: expected a share from 0 to 1, which router static needs without --schedule, got nothing',
    ),
  ],
  [
    evaluating('--text', sample, '--router', 'test'),
    says('test is no router: it has no schedule.json; name a folder that `kerf route` wrote'),
  ],
  [
    generating('--token-sparsity', '0.2'),
    says('--token-sparsity: expected left out without --router, to which it belongs, got 0.2'),
  ],
  [
    () => ['route', stories, '--out', out, '--steps', '5'],
    says('--steps: expected left out for router static, which does not learn, got 5'),
  ],
  [
    learning('--task', 'classification', '--data', at('two.tsv'), '--sparsity', '0.5', '--window', '3'),
    says('--window: expected left out for method mgpp, which does not have it, got 3'),
  ],
  [
    learning('--task', 'language', '--data', sample, '--max-tokens', '1'),
    says('--max-tokens: expected a whole number of at least 2, got 1'),
  ],
  [
    compressing('--recover', 'many'),
    says(
      '--recover: expected a number of tokens of at least 1, such as 200000, "200k" or "2M", or false, got "many"',
    ),
  ],
  [
    compressing('--keep-mask', '--sparsity', '0.5'),
    says(
      '--sparsity cannot be given here: --keep-mask keeps the zeros that the model has and makes no others, so nothing is left to choose; give one of the two, or --bits beside --keep-mask',
    ),
  ],
  [() => ['shrink'], says("unknown command 'shrink'")],
  [() => ['inspct', stories], says("unknown command 'inspct'; did you mean inspect?")],
  [() => ['inspect'], says("argument 'model' is missing")],
  [() => ['inspect', 'no-such-model'], says('no-such-model does not exist')],
  [
    () => ['inspect', at('notes.md')],
    () =>
      `${at('notes.md')} is not a model: name the folder of a model, or a .safetensors, .kerf or .gguf file`,
  ],
  [
    () => ['inspect', 'README.md'],
    says('README.md is not a model: name the folder of a model, or a .safetensors, .kerf or .gguf file'),
  ],
  [
    () => ['inspect', at('empty')],
    () => `${at('empty')} is not a model: there is no .safetensors, .kerf or .gguf file in it`,
  ],
  [
    () => ['plan', '--no-config'],
    says("argument 'model' is missing: name a folder or file (this folder has no kerf.config file)"),
  ],
  [compressing('--sparsty', '1'), says('unknown option --sparsty; did you mean --sparsity?')],
  [compressing('--bits', 'four'), says('--bits: expected a number, got "four"')],
  [compressing('--bits'), says('--bits needs a value: give --bits N')],
  [
    compressing('--bits', '9'),
    says('--bits: expected a whole number from 2 to 8, or 16 (not quantized), got 9'),
  ],
  [
    compressing('--method', 'jiont'),
    says(`--method: expected one of ${METHODS}, got "jiont"; did you mean "joint"?`),
  ],
  [
    compressing('--format', 'gguf'),
    says(`--format: expected one of ${FORMATS}, got "gguf"; did you mean "gguf-q4_0" or "gguf-q8_0"?`),
  ],
  [
    compressing('--max-memory', 'lots'),
    says('--max-memory: expected a number of bytes, or a size such as "2GiB" or "500MB", got "lots"'),
  ],
  [
    compressing('a', 'b'),
    says('too many arguments: compress takes MODEL alone, got 3; quote names with spaces'),
  ],
  [
    compressing('--target-bits', '3', '--bits', '4'),
    says('--bits cannot be given here: --target-bits decides it for each matrix; give one of the two'),
  ],
  [
    compressing('--method', 'entropy', '--sparsity', '0.5'),
    says(
      '--sparsity cannot be given here: the method entropy chooses it itself; say how small with --target-bits or --target-bytes',
    ),
  ],
  [
    compressing('--target-bits', '3', '--target-bytes', '1MB'),
    says('--target-bytes cannot be given here: --target-bits says how small already; give one of the two'),
  ],
  [compressing('--max-shard-size', '5'), says('--max-shard-size: expected at least 1 MiB, got 5 bytes')],
  [compressing('--damping', '0'), says('--damping: expected a positive number, at most 1, got 0')],
  [
    compressing('--group-size', '100'),
    says('--group-size: expected 0 (a whole row) or a multiple of 8, got 100'),
  ],
  [
    compressing('--method', 'rtn', '--sparsity', '0.5'),
    says(
      '--sparsity: expected 0, since method rtn removes nothing (magnitude, wanda, obs, descent, admm, joint do), got 0.5',
    ),
  ],
  [
    compressing('--preset', 'safe', '--max-loss', '0.1'),
    says(
      '--max-loss: expected a method that calibrates beside it: without calibration a result is not measured, got 0.1',
    ),
  ],
  [
    () => ['compress', stories, '--out', at('mine')],
    () => `${at('mine')} exists already; name another --out, or give --force to replace what kerf wrote`,
  ],
  [
    () => ['compress', stories, '--out', at('mine'), '--force'],
    () =>
      `${at('mine')} exists already and is not as kerf wrote it (it has no weights of kerf), so that --force does not replace it; name another --out`,
  ],
  [() => ['compress', stories, '--out', '/'], says('--out: expected a folder with a name, got /')],
  [compressing('--calibration', 'no-such.txt'), says('no-such.txt does not exist')],
  [
    compressing('--calibration', at('nothing.txt')),
    () =>
      `the calibration text (${at('nothing.txt')}) is empty: give a text with at least a few thousand words`,
  ],
  [compressing('--threads', '5000'), says('--threads: expected a whole number from 0 to 1024, got 5000')],
  [
    compressing('--report', 'no-such/x.html'),
    says('--report: expected a file in a folder that exists, got "no-such/x.html"'),
  ],
  [compressing('--eval-text', 'no-such'), says('--eval-text: expected a file that exists, got "no-such"')],
  [
    () => ['plan', stories, '--config', at('both.json')],
    () => {
      const file = at('both.json')
      return `bits of ${file} cannot be given here: targetBits of ${file} decides it for each matrix; give one of the two`
    },
  ],
  [
    () => ['plan', stories, '--config', at('typo.json')],
    () => `configuration ${at('typo.json')}: option sparsty is not known; did you mean sparsity?`,
  ],
  [
    () => ['plan', stories, '--config', at('id.json')],
    () =>
      `configuration ${at('id.json')}: option preset: expected one of safe, light, compact, small, tiny, got "tinny"; did you mean "tiny"?`,
  ],
  [() => ['convert', stories, '--out', out], says('--format is missing: give --format ID')],
  [() => ['convert', stories, '--format', 'kerf'], says('--out is missing: give --out FOLDER')],
  [evaluating(), says('nothing to measure on: give --text, --pairs, --task, --qa or --completion')],
  [
    evaluating('--text', at('latin.txt')),
    () => `${at('latin.txt')} is not UTF-8 text: bad byte at offset 1; convert it to UTF-8`,
  ],
  [
    evaluating('--text', sample, '--context', '1'),
    says('--context: expected a whole number of at least 2, got 1'),
  ],
  [
    evaluating('--text', sample, '--context', '9999'),
    says("a sequence of 9999 tokens is longer than the model's maximum of 512"),
  ],
  [
    evaluating('--pairs', at('notes.md')),
    () =>
      `${at('notes.md')}, line 1: expected 3 columns (sentence, sentence, score), found 1; sentences with a comma need quotes`,
  ],
  [
    evaluating('--text', '-', '--pairs', '-'),
    says('--pairs cannot be given here: standard input can be read once, and --text does'),
  ],
  [() => ['embed', stories], says('--text is missing: give --text FILE')],
  [
    () => ['embed', stories, '--text', at('nothing.txt')],
    () => `${at('nothing.txt')} is empty: give one text a line`,
  ],
  [() => ['help', 'compres'], says("unknown command 'compres'; did you mean compress?")],
  [() => ['embed', stories, '--text', '-'], says('standard input is empty: give one text a line')],
  [
    () => ['embed', stories, '--text', sample, '--format', 'csv'],
    says('--format: expected one of text, ndjson, npy, got "csv"'),
  ],
  [
    () => ['embed', stories, '--text', sample, '--prompt-name', 'search'],
    says('--prompt-name: expected a prompt of the model: one of document, query, got search'),
  ],
  [generating('--temperature', '-1'), says('--temperature: expected a number of at least 0, got -1')],
  [generating('--top-p', '0'), says('--top-p: expected a number of more than 0, at most 1, got 0')],
  [generating('--seed', '0.5'), says('--seed: expected a whole number of at least 0, got 0.5')],
  [() => ['embed', stories, '--text', '.'], says('.: it is a folder, where a file is expected')],
  [evaluating('--text', '.'), says('.: it is a folder, where a file is expected')],
  [
    () => ['compress', at('unknown'), '--out', out],
    says(
      'method entropy needs calibration, but architecture "spiral" is not known to kerf; describe it in JSON (--architecture), or use rtn (or magnitude, with a --sparsity)',
    ),
  ],
  [
    () => ['compress', at('unknown'), '--out', out, '--method', 'magnitude', '--target-bits', '3'],
    says(
      'a budget needs a survey of the model, but architecture "spiral" is not known to kerf; describe it in JSON (--architecture), or take the schedule uniform without a budget (--target-bits, --target-bytes)',
    ),
  ],
  [
    () => ['compress', at('no-width'), '--out', out],
    says('config.json: hidden_size: expected an integer from 1 to 262144, got 0'),
  ],
  [
    () => ['generate', at('silent'), '--prompt', 'a'],
    () =>
      `${at('silent')} has no tokenizer, which generation needs (tokenizer.json, or vocab.txt, or vocab.json with merges.txt); fetch it together with the model`,
  ],
  [
    () => ['inspect', at('cut')],
    () =>
      `${at('cut')}/model.safetensors is truncated: it has 500 kB, its header promises 1.04 MB; fetch it again`,
  ],
  [
    () => ['eval', at('linked'), '--text', sample],
    () =>
      `${at('linked')}/tokenizer.json is a link to /nowhere/blob, which does not exist; fetch the file again, or copy the model with what its links lead to`,
  ],
  [() => ['page', '--port', '99999'], says('--port: expected a whole number from 0 to 65535, got 99999')],
]

describe('the terminal', () => {
  it.concurrent.each(rows.map(([args, sentence]) => [args().join(' '), args, sentence] as const))(
    'says of kerf %s',
    async (_, args, sentence) => {
      const ended = await kerf(args())
      const failure = ended.stderr.split('\n').find(line => line.startsWith('kerf: '))
      expect(failure).toBe(`kerf: ${sentence()}`)
      expect(ended.stdout).toBe('')
      expect([1, 2]).toContain(ended.code)
    },
  )

  it('says sizes in units, and what it names is enough', async () => {
    const args = ['eval', stories, '--text', sample, '--max-memory']
    const refused = await kerf([...args, '1MB'])
    const words =
      /^kerf: this run needs at least (\d+ MB) of memory, and --max-memory allows 1\.00 MB; allow more, or measure in shorter windows \(--context\)$/m
    const [, needed = ''] = words.exec(refused.stderr) ?? []
    expect(needed, refused.stderr).not.toBe('')
    expect((await kerf([...args, needed])).code).toBe(0)
  })

  it('says the same with --json, whose fields keep the names of the API', async () => {
    const ended = await kerf(['compress', stories, '--out', out, '--group-size', '100', '--json'])
    expect(jsonError(ended)).toEqual({
      code: 'BAD_OPTION',
      message: '--group-size: expected 0 (a whole row) or a multiple of 8, got 100',
      details: { option: 'groupSize', expected: '0 (a whole row) or a multiple of 8', actual: '100' },
    })
  })

  it('names the help of the command that was given', async () => {
    const hint = async (...args: string[]): Promise<string> => (await kerf(args)).stderr.split('\n')[1] ?? ''
    expect(await hint('inspect', '--bits')).toBe('      kerf inspect --help lists what there is')
    expect(await hint('plan', stories, '--bits', '9')).toBe('      kerf plan --help-all lists the options')
    expect(await hint('shrink')).toBe('      kerf --help lists what there is')
  })

  it.skipIf(encoder === undefined)('says what the other kind of model is for', async () => {
    const ended = await kerf(['generate', encoder ?? '', '--prompt', 'a'])
    expect(ended.stdout).toBe('')
    expect(ended.stderr).toBe(
      'kerf: generate needs a decoder, but bert is not one\n      an encoder gives vectors: kerf embed MODEL --text FILE\n',
    )
  })
})

describe('code', () => {
  const loose = (options: object): object => ({ out, ...options })
  it.each<[object, string]>([
    [{ sparsty: 0.5 }, 'did you mean sparsity?'],
    [{ max_memory: 5 }, 'did you mean maxMemory?'],
    [{ method: 'jiont' }, 'did you mean "joint"?'],
    [{ preset: 'Tiny' }, 'did you mean "tiny"?'],
    [{ format: 'safetensor' }, 'did you mean "safetensors"?'],
    [{ rules: [{ match: '*', bit: 4 }] }, 'did you mean rules[0].bits?'],
  ])('is told what it meant: %j', async (options, words) => {
    const error = await kerfError(compress(stories, loose(options)))
    expect(error.code).toBe('BAD_OPTION')
    expect(error.message).toContain(words)
    expect(existsSync(out)).toBe(false)
  })

  it('is told nothing that nobody meant', async () => {
    const error = await kerfError(compress(stories, loose({ colour: 'red' })))
    expect(error.message).not.toContain('did you mean')
  })

  it('hears of options as its own properties', async () => {
    const told = async (options: object): Promise<string> =>
      (await kerfError(plan(stories, options as never))).message
    expect(await told({ damping: 0 })).toBe('option damping: expected a positive number, at most 1, got 0')
    expect(await told({ maxShardSize: 5 })).toBe('option maxShardSize: expected at least 1 MiB, got 5 bytes')
    expect(await told({ bits: 4, targetBits: 3 })).toBe(
      'option bits cannot be given here: `targetBits` decides it for each matrix; give one of the two',
    )
    expect(await told({ maxMemory: '1MB' })).toMatch(
      /^this run needs at least \d+ MB of memory, and `maxMemory` allows 1\.00 MB; /,
    )
    const nothing = await kerfError(evaluate(stories, {}))
    expect(nothing.message).toBe(
      'option text: expected at least one of text, textFile, pairs, task, qa and completion, got undefined',
    )
  })

  it('replaces with force what kerf wrote, and nothing else', async () => {
    const result = join(folder, 'result')
    await convert(stories, { format: 'kerf', out: result })
    expect((await kerfError(convert(stories, { format: 'kerf', out: result }))).code).toBe('OUTPUT_EXISTS')
    for (const format of ['safetensors', 'gguf-q8_0', 'kerf'] as const) {
      await convert(stories, { format, out: result, force: true })
    }
    await compress(stories, { method: 'rtn', out: result, force: true })
    const mine = await kerfError(convert(stories, { format: 'kerf', out: at('mine'), force: true }))
    expect(mine.code).toBe('OUTPUT_EXISTS')
    expect(existsSync(at('mine/notes.txt'))).toBe(true)
  })
})
