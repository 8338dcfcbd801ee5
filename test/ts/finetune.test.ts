// Learning through the API and the command line, on the small models of the repository. The training itself is tested in crates/train.
import { evaluate, finetune, inspect, type FinetuneOptions, type ProgressEvent } from 'kerf'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { kerf } from './support/cli.js'
import { kerfError } from './support/errors.js'
import { digest, names, temporaryFolder } from './support/folders.js'
import { root, sample, stories } from './support/models.js'

const at = (name: string): string => join(root, 'test', 'golden', name)
const tiny = at('pipeline/bert')
const SAID = ['happy', 'sad'] as const

/** A task that a word decides. */
function moods(folder: string, name: string, count: number): string {
  const words = ['cat', 'dog', 'one', 'two', 'three', 'four', 'five']
  const line = (index: number): string => {
    const mood = index % 2
    const word = words[(index * 3 + Math.floor(index / 7)) % words.length]
    return `the ${word} ${mood === 0 ? 'ran far' : 'sat'}\t${SAID[mood]}\n`
  }
  const file = join(folder, name)
  writeFileSync(file, Array.from({ length: count }, (_, index) => line(index)).join(''))
  return file
}

describe('finetune', () => {
  it('teaches a bare encoder to tell two labels apart, and says how', async () => {
    const folder = temporaryFolder()
    const [data, heldOut] = [moods(folder, 'train.tsv', 120), moods(folder, 'dev.tsv', 40)]
    const out = join(folder, 'out')
    const events: ProgressEvent[] = []
    const report = await finetune(tiny, {
      task: 'classification',
      ...{ data, heldOut, out },
      ...{ epochs: 8, batch: 8, learningRate: 3e-3, threads: 1 },
      onProgress: event => events.push(event),
    })
    expect(report).toMatchObject({ task: 'classification', method: 'dense', labels: SAID, sparsity: 0 })
    expect(report.measured?.classification?.accuracy).toBeGreaterThan(0.95)
    expect(report.lossAfter).toBeLessThan(0.5 * report.lossBefore)
    expect(report.curve.map(({ step }) => step)).toEqual([...new Set(report.curve.map(({ step }) => step))])
    expect(report.notes.join()).toContain('BertForSequenceClassification')
    expect(JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))).toMatchObject({
      architectures: ['BertForSequenceClassification'],
      id2label: { 0: 'happy', 1: 'sad' },
    })
    const { classification } = await evaluate(out, { task: heldOut })
    expect(classification?.accuracy).toBe(report.measured?.classification?.accuracy)
    const shares = events.map(({ overall }) => overall)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(new Set(events.map(({ stage }) => stage))).toEqual(new Set(['learn', 'write', 'evaluate']))
    expect(names(folder)).toEqual(['dev.tsv', 'out', 'train.tsv'])
  })

  it('removes exactly the share that was asked for, of the matrices of the blocks', async () => {
    const out = join(temporaryFolder(), 'out')
    const report = await finetune(stories, {
      task: 'language',
      ...{ data: sample, maxTokens: 64, out, sparsity: 0.6, steps: 20, learningRate: 1e-3, threads: 1 },
    })
    expect(report.method).toBe('mgpp')
    const { tensors, targetParameters } = await inspect(out)
    expect(tensors.every(({ stored }) => stored === 'plain')).toBe(true)
    expect(report.sparsity).toBeCloseTo(Math.floor(0.6 * targetParameters) / targetParameters, 12)
  })

  it.each<[string, string, Omit<FinetuneOptions, 'out'>]>([
    ['similarity', tiny, { task: 'similarity', data: 'pairs' }],
    ['a pair of texts', at('tasks/roberta-pairs'), { task: 'classification', data: at('tasks/pairs.tsv') }],
    ['three labels', at('tasks/modernbert-three'), { task: 'classification', data: at('tasks/three.tsv') }],
    ['spans', at('tasks/bert-span'), { task: 'answering', data: at('tasks/squad.json'), maxTokens: 40 }],
    ['completions', at('tasks/llama'), { task: 'completion', data: at('tasks/prompts.jsonl') }],
    ['a new span head', tiny, { task: 'answering', data: 'questions', maxTokens: 16 }],
    ['a decoder that gets a head', stories, { task: 'classification', data: at('tasks/single.tsv') }],
  ])('learns %s', async (_, model, options) => {
    const folder = temporaryFolder()
    if (options.data === 'pairs') {
      options.data = join(folder, 'pairs.csv')
      const number = ['one', 'two', 'three', 'four', 'five', 'six', 'seven']
      const rows = Array.from(
        { length: 24 },
        (_, i) => `the cat ran ${number[i % 7]},"the dog, ${number[i % 5]}",${i % 6}\n`,
      )
      writeFileSync(options.data, rows.join(''))
    }
    if (options.data === 'questions') {
      options.data = join(folder, 'questions.json')
      const asked = (word: string, start: number): object => ({
        ...{ id: word, question: 'the one ?' },
        answers: [{ text: word, answer_start: start }],
      })
      const context = 'the cat sat and the dog ran far'
      const paragraphs = [{ context, qas: [asked('cat', 4), asked('dog', 20), asked('far', 28)] }]
      writeFileSync(options.data, JSON.stringify({ version: '1.1', data: [{ title: '', paragraphs }] }))
    }
    const out = join(folder, 'out')
    const more = { ...options, heldOut: options.data, out, steps: 12, batch: 8, learningRate: 2e-3 }
    const report = await finetune(model, { ...more, threads: 1 })
    expect(report.lossAfter).toBeLessThan(report.lossBefore)
    expect(report.measured).toBeDefined()
  })

  it('goes on after a stop, to the same bytes', async () => {
    const folder = temporaryFolder()
    const data = moods(folder, 'train.tsv', 96)
    // So many steps that events, which come at most twenty times a second, tell of the first ones in time.
    const options = {
      task: 'classification',
      data,
      batch: 8,
      epochs: 150,
      sparsity: 0.5,
      threads: 1,
    } as const
    const pruning = { method: 'movement', pruneEvery: 3, learningRate: 1e-3 } as const
    const whole = join(folder, 'whole')
    await finetune(tiny, { ...options, ...pruning, out: whole })
    const out = join(folder, 'out')
    for (const stopAt of [5, 300, 800]) {
      const stop = new AbortController()
      const stopped = finetune(tiny, {
        ...{ ...options, ...pruning, out, signal: stop.signal },
        onProgress: ({ stage, done }) => {
          if (stage === 'learn' && done >= stopAt) stop.abort()
        },
      })
      expect((await kerfError(stopped)).code).toBe('CANCELLED')
      expect(names(folder)).toContain('.out.kerf-work')
    }
    await finetune(tiny, { ...options, ...pruning, out })
    expect(digest(out)).toEqual(digest(whole))
    expect(names(folder)).not.toContain('.out.kerf-work')
  })

  it.each<[string, Partial<FinetuneOptions>, string, string]>([
    ['a task', { task: 'translation' as 'language' }, 'BAD_OPTION', 'task'],
    ['a sparsity of dense', { method: 'dense', sparsity: 0.5 }, 'BAD_OPTION', 'sparsity'],
    ['a pruner without sparsity', { method: 'mgpp' }, 'BAD_OPTION', 'sparsity'],
    ['a parameter of another pruner', { sparsity: 0.5, window: 3 }, 'BAD_OPTION', 'window'],
    ['a cut without pruning', { pruneEvery: 3 }, 'BAD_OPTION', 'pruneEvery'],
    ['a pattern of no tensor', { freeze: ['*nothing*'] }, 'BAD_OPTION', 'freeze'],
    ['an end before the start', { sparsity: 0.5, pruneStart: 0.5, pruneEnd: 0.2 }, 'BAD_OPTION', 'pruneEnd'],
    ['too many tokens', { maxTokens: 100_000 }, 'BAD_OPTION', 'maxTokens'],
    ['too little memory', { maxMemory: '1MB' }, 'MEMORY_LIMIT', ''],
    ['a decoder', { task: 'similarity', data: at('tasks/prompts.jsonl') }, 'BAD_TASK_DATA', ''],
  ])('refuses %s', async (_, wrong, code, option) => {
    const folder = temporaryFolder()
    const options = { task: 'classification', data: moods(folder, 'a.tsv', 20), ...wrong } as const
    const error = await kerfError(finetune(tiny, { ...options, out: join(folder, 'out') }))
    expect(error.code).toBe(code)
    if (option !== '') expect(error.details['option']).toBe(option)
    expect(names(folder)).not.toContain('out')
  })

  it('names the line that breaks the rules, and a file with one label', async () => {
    const folder = temporaryFolder()
    const file = join(folder, 'bad.tsv')
    writeFileSync(file, 'a film\tgood\nanother one\n')
    const out = join(folder, 'out')
    const bad = await kerfError(finetune(tiny, { task: 'classification', data: file, out }))
    expect([bad.code, bad.details['line']]).toEqual(['BAD_TASK_DATA', 2])
    writeFileSync(file, 'a film\tgood\nanother one\tgood\n')
    const one = await kerfError(finetune(tiny, { task: 'classification', data: file, out }))
    expect(one.message).toContain('two or more')
    expect(names(folder)).toEqual(['bad.tsv'])
  })

  it('stops where the loss is no number, and names step and fix', async () => {
    const folder = temporaryFolder()
    const data = moods(folder, 'a.tsv', 64)
    const options = { task: 'classification', data, out: join(folder, 'out'), clip: 0 } as const
    const error = await kerfError(finetune(tiny, { ...options, learningRate: 1e30, steps: 20 }))
    expect(error.code).toBe('LOSS_NOT_FINITE')
    expect(error.message).toContain('learningRate')
    expect(error.details['step']).toBeGreaterThan(1)
  })
})

describe('kerf finetune', () => {
  it('shows the way and what to do next', async () => {
    const folder = temporaryFolder()
    const data = moods(folder, 'a.tsv', 40)
    const out = join(folder, 'out')
    const flags = [
      '--task',
      'classification',
      '--data',
      data,
      '--steps',
      '6',
      '--sparsity',
      '0.5',
      '--out',
      out,
    ]
    const { stdout, code } = await kerf(['finetune', tiny, ...flags, '--threads', '1'])
    expect(code).toBe(0)
    for (const part of ['held-out', 'sparsity', 'method mgpp', `kerf compress ${out} --keep-mask --bits 4`])
      expect(stdout).toContain(part)
  })

  it('names flags in errors', async () => {
    const { stderr, code } = await kerf(['finetune', tiny, '--task', 'classification'])
    expect(code).toBe(2)
    expect(stderr).toContain('--data')
  })
})
