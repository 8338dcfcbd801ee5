// Heads on the files of tasks, by the API and by the command line. The numbers themselves are held to transformers in
// bindings/shared/tests/tasks.rs.
import { evaluate, type ProgressEvent } from 'kerf'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { kerf } from './support/cli.js'
import { kerfError } from './support/errors.js'
import { temporaryFolder } from './support/folders.js'
import { root, stories } from './support/models.js'

const at = (name: string): string => join(root, 'test', 'golden', 'tasks', name)

interface Row {
  model: string
  kind: 'task' | 'qa' | 'completion'
  file: string
  expected: Record<string, number>
}

const rows = JSON.parse(readFileSync(at('expected.json'), 'utf8')) as Row[]

describe('evaluate', () => {
  it.each(rows.map(row => [`${row.model} on ${row.file}`, row] as const))('%s', async (_, row) => {
    const windows = row.kind === 'qa' ? { context: 40, stride: 8, maxAnswer: 6 } : {}
    const events: ProgressEvent[] = []
    const result = await evaluate(at(row.model), {
      [row.kind]: at(row.file),
      ...windows,
      onProgress: event => events.push(event),
    })
    const measured = result.classification ?? result.answering ?? result.completions ?? {}
    for (const [name, value] of Object.entries(row.expected))
      expect((measured as Record<string, number>)[name]).toBeCloseTo(
        value,
        3 - Math.log10(Math.abs(value) + 1),
      )
    expect(events.at(-1)).toMatchObject({ stage: 'evaluate', overall: 1 })
  })

  it('is cancelled', async () => {
    const stop = new AbortController()
    const stopped = evaluate(at('bert-two'), {
      task: at('pairs.tsv'),
      signal: stop.signal,
      onProgress: () => stop.abort(),
    })
    expect((await kerfError(stopped)).code).toBe('CANCELLED')
  })

  it('names the line that breaks the rules', async () => {
    const file = join(temporaryFolder(), 'bad.tsv')
    writeFileSync(file, 'sentence\tlabel\r\nA film.\tgood\r\nAnother one.\r\n')
    const error = await kerfError(evaluate(at('bert-two'), { task: file }))
    expect(error.code).toBe('BAD_TASK_DATA')
    expect(error.details).toMatchObject({ path: file, line: 3 })
    expect(error.message).toContain('expected text, tab, label')
  })

  it('says which head a model has', async () => {
    const error = await kerfError(evaluate(stories, { qa: at('squad.json') }))
    expect(error.code).toBe('WRONG_KIND')
    expect(error.message).toContain('a language head (measure it with `text` or `completion`)')
  })

  it('refuses what cannot be before anything is read', async () => {
    const of = (options: object): Promise<unknown> => evaluate('nowhere', { qa: 'nowhere', ...options })
    expect((await kerfError(of({ maxAnswer: 0 }))).details).toMatchObject({ option: 'maxAnswer' })
    expect((await kerfError(of({ stride: -1 }))).details).toMatchObject({ option: 'stride' })
    expect((await kerfError(of({ task: 3 }))).details).toMatchObject({ option: 'task' })
    const unused = { qa: undefined, task: at('pairs.tsv') }
    for (const option of ['context', 'stride', 'maxAnswer']) {
      const { code, details } = await kerfError(of({ ...unused, [option]: 9 }))
      expect([code, details['option']]).toEqual(['BAD_OPTION', option])
    }
  })
})

describe('kerf eval', () => {
  it.each([
    [
      ['bert-two', '--task', 'single.tsv'],
      [/accuracy +40 % +over 60 texts, 14 of them cut/, /f1 +0\.4375 +of good/],
    ],
    [
      ['bert-span', '--qa', 'squad.json', '--stride', '8'],
      [/exact match +\d/, /f1 +\d+.* in \d+ windows/],
    ],
    [
      ['llama', '--completion', 'better.jsonl'],
      [/preferred +\d+/, /log likelihood +-\d+/, /over 40 pairs/],
    ],
    [
      ['gpt2', '--completion', 'prompts.jsonl'],
      [/log likelihood/, /over 30 completions/],
    ],
  ])('%j', async ([model = '', flag = '', file = '', ...others], texts) => {
    const { code, stdout } = await kerf(['eval', at(model), flag, at(file), ...others])
    expect(code).toBe(0)
    for (const text of texts) expect(stdout).toMatch(text)
  })

  it('names the flag that measures the head', async () => {
    const { code, stderr } = await kerf(['eval', at('bert-two'), '--completion', at('better.jsonl')])
    expect(code).toBe(1)
    expect(stderr).toContain("a classifier's head (measure it with --task)")
  })
})
