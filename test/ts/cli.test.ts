// The command line: what it prints, and its exit codes 0, 1, 2 and 130.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { json, jsonError, kerf } from './support/cli.js'
import { names, temporaryFolder } from './support/folders.js'
import { sample, stories } from './support/models.js'

const folder = temporaryFolder()
const small = join(folder, 'small')
const quick = ['--tokens', '1024']

beforeAll(async () => {
  const ended = await kerf(['compress', stories, '--out', small, ...quick])
  expect(ended.code, ended.stderr).toBe(0)
  expect(ended.stdout).toMatch(/before +1\.06 MB/)
  expect(ended.stdout).toMatch(/after +\S+ kB +\S+ times smaller/)
  expect(ended.stdout).toMatch(/bits per weight +\d/)
  expect(ended.stdout).toMatch(/repairs +\S/)
  expect(ended.stdout).toContain(small)
  expect(ended.stdout).toContain('kerf generate')
  expect(ended.stdout).not.toContain('\x1b')
})

describe('--json prints one object and nothing else', () => {
  const cases: [string, string[], string[]][] = [
    ['inspect', [small], ['architecture', 'tensors', 'bytes']],
    ['plan', [stories, ...quick], ['tensors', 'peakMemoryBytes', 'diskBytes', 'outputBytes']],
    ['eval', [small, '--text', sample], ['perplexity', 'nll', 'tokens']],
    ['compare', [stories, small, '--text', sample], ['original', 'small', 'kl', 'topTokenAgreement']],
    ['generate', [small, '--prompt', 'Once', '--max-tokens', '8'], ['text', 'tokens', 'finish']],
  ]
  it.each(cases)('%s', async (command, args, fields) => {
    const ended = await kerf([command, ...args, '--json'])
    expect(ended.code, ended.stdout).toBe(0)
    expect(ended.stderr).toBe('')
    expect(ended.stdout.trim().split('\n')).toHaveLength(1)
    for (const field of fields) expect(json(ended)).toHaveProperty(field)
  })

  it('compress', async () => {
    const out = join(folder, 'json')
    const ended = await kerf([
      'compress',
      stories,
      '--out',
      out,
      ...quick,
      '--json',
      '--sparsity',
      '0.5',
      '--bits',
      '8',
    ])
    expect(ended.code, ended.stdout).toBe(0)
    const report = json(ended)
    for (const field of [
      'sparsity',
      'bitsPerWeight',
      'inputBytes',
      'outputBytes',
      'seconds',
      'peakRssBytes',
      'tokens',
      'isa',
      'repairs',
      'embeddingBitsPerWeight',
      'layers',
    ]) {
      expect(report).toHaveProperty(field)
    }
    expect(report['options']).toMatchObject({ sparsity: 0.5, bits: 8 })
    expect((report['layers'] as object[])[0]).toHaveProperty('relativeOutputError')
  })

  it('embed and convert', async () => {
    const texts = join(folder, 'texts.txt')
    writeFileSync(texts, 'one text\nanother text\n')
    const embedded = json(await kerf(['embed', small, '--text', texts, '--json']))
    expect(embedded['vectors']).toHaveLength(2)
    expect(embedded['dimensions']).toBe(64)
    const flags = ['--prompt', 'query: ', '--dimensions', '5']
    const short = json(await kerf(['embed', small, '--text', texts, '--json', ...flags]))
    expect(short['dimensions']).toBe(5)
    expect(short['vectors']).not.toEqual(
      (embedded['vectors'] as number[][]).map(vector => vector.slice(0, 5)),
    )
    const out = join(folder, 'dense')
    const converted = await kerf(['convert', small, '--format', 'safetensors', '--out', out, '--json'])
    expect(converted.code, converted.stdout).toBe(0)
    expect(json(converted)).toMatchObject({ out })
  })
})

describe('for people', () => {
  it.each([
    ['inspect', [small], /architecture +llama/],
    ['plan', [stories, ...quick], /peak memory +\d/],
    ['eval', [small, '--text', sample], /perplexity +\d/],
    ['compare', [stories, small, '--text', sample], /perplexity +\d\S* +\d/],
    ['generate', [stories, '--prompt', 'Once upon a time', '--max-tokens', '8'], /^Once upon a time,? \w/],
  ])('%s prints what was found', async (command, args, pattern) => {
    const ended = await kerf([command, ...args])
    expect(ended.code, ended.stderr).toBe(0)
    expect(ended.stdout).toMatch(pattern)
    expect(ended.stdout).not.toContain('\x1b')
  })

  it('colours only where they are wanted', async () => {
    const colored = await kerf(['eval', small, '--text', sample], undefined, {
      NO_COLOR: '',
      FORCE_COLOR: '1',
    })
    expect(colored.stdout).toContain('\x1b[')
  })

  it('plain lines of progress go to standard error in a pipe', async () => {
    const ended = await kerf(['compress', stories, '--out', join(folder, 'lines'), ...quick])
    expect(ended.stderr).toMatch(/^100 %, \d+\.\d s\n$/m)
    expect(ended.stderr).not.toContain('\x1b')
    const quiet = await kerf(['compress', stories, '--out', join(folder, 'quiet'), ...quick, '--quiet'])
    expect(quiet.stderr).toBe('')
  })
})

describe('exit code 1: it failed', () => {
  it('says so in a line and a hint, without a stack', async () => {
    const ended = await kerf(['inspect', folder])
    expect(ended.code).toBe(1)
    expect(ended.stdout).toBe('')
    expect(ended.stderr).toMatch(/^kerf: .* is not a model.*\n +MODEL is a folder.*\n$/)
    const exists = await kerf(['compress', stories, '--out', small, ...quick])
    expect(exists.code).toBe(1)
    expect(exists.stderr).toMatch(/^kerf: .* exists already/)
  })

  it('prints the error with --json', async () => {
    const ended = await kerf(['compress', stories, '--out', small, ...quick, '--json'])
    expect(ended.code).toBe(1)
    expect(jsonError(ended)).toMatchObject({ code: 'OUTPUT_EXISTS', details: { path: small } })
    const missing = await kerf(['embed', small, '--text', join(folder, 'none.txt'), '--json'])
    expect(missing.code).toBe(1)
    expect(jsonError(missing).code).toBe('NOT_FOUND')
  })
})

describe('exit code 2: the command was wrong', () => {
  it.each<[string[], string]>([
    [[], 'BAD_USAGE'],
    [['shrink', stories], 'BAD_USAGE'],
    [['compress'], 'BAD_USAGE'],
    [['compress', stories, '--bits', 'four'], 'BAD_USAGE'],
    [['compress', stories, '--method', 'best'], 'BAD_USAGE'],
    [['compress', stories, '--max-memory', 'lots'], 'BAD_USAGE'],
    [['compress', stories, '--sparsty', '0.7'], 'BAD_USAGE'],
    [['compress', stories, 'too', 'many'], 'BAD_USAGE'],
    [['compress', stories, '--bits', '9'], 'BAD_OPTION'],
    [['compress', stories, '--pattern', '4:2'], 'BAD_OPTION'],
    [['eval', stories], 'BAD_OPTION'],
    [['convert', stories, '--out', 'x'], 'BAD_USAGE'],
    [['embed', stories], 'BAD_USAGE'],
    [['embed', stories, '--text', sample, '--prompt-name', 'search'], 'BAD_OPTION'],
  ])('kerf %j', async (args, code) => {
    const plain = await kerf(args)
    expect(plain.code).toBe(2)
    expect(plain.stdout).toBe('')
    expect(plain.stderr).not.toMatch(/^ +at /m)
    const ended = await kerf([...args, '--json'])
    expect(ended.code).toBe(2)
    expect(jsonError(ended).code).toBe(code)
    expect(ended.stderr).toBe('')
  })

  it('but help and version are no errors', async () => {
    const help = await kerf(['compress', '--help'])
    expect(help.code).toBe(0)
    expect(help.stdout).toContain('--sparsity')
    const version = await kerf(['--version'])
    expect(version.code).toBe(0)
    const { version: expected } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    )
    expect(version.stdout.trim()).toBe(expected)
  })
})

describe('exit code 130: it was cancelled', () => {
  const slow = ['--isa', 'portable', '--tokens', '16384', '--threads', '1']

  it.each([[[]], [['--json']]])('by Ctrl-C, cleanly, and can go on %j', async more => {
    const place = temporaryFolder()
    mkdirSync(join(place, 'result'))
    const out = join(place, 'result', 'out')
    const work = join(place, 'work')
    const args = ['compress', stories, '--out', out, '--work-dir', work, ...slow, ...more]
    const ended = await kerf(args, undefined, {}, child => void interrupt(child, work))
    expect(ended.signal).toBe(null)
    expect(ended.code).toBe(130)
    expect(names(join(place, 'result'))).toEqual([])
    expect(names(work).length).toBeGreaterThan(0)
    if (more.length > 0) {
      expect(jsonError(ended).code).toBe('CANCELLED')
    } else {
      expect(ended.stdout).toBe('')
      expect(ended.stderr).toMatch(/stopping.*\n(.*\n)*kerf: cancelled.*run the same.*again/)
    }
  })
})

/** Ctrl-C as soon as there is work to lose. */
async function interrupt(child: { kill: (signal: NodeJS.Signals) => boolean }, work: string): Promise<void> {
  while (names(work).length === 0) await new Promise(resolve => setTimeout(resolve, 20))
  child.kill('SIGINT')
  // Under npx the terminal and npx both send it; that is one Ctrl-C.
  await new Promise(resolve => setTimeout(resolve, 30))
  child.kill('SIGINT')
}
