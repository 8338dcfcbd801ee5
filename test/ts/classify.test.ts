// `classify` through the API and the command line, held to transformers.
import { classify, evaluate, type Classified, type ProgressEvent } from 'kerf'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { json, kerf } from './support/cli.js'
import { kerfError } from './support/errors.js'
import { temporaryFolder } from './support/folders.js'
import { root, stories } from './support/models.js'

const at = (name: string): string => join(root, 'test', 'golden', 'tasks', name)

interface Row {
  model: string
  texts: string[][]
  probabilities: number[][]
}

const rows = JSON.parse(readFileSync(at('probabilities.json'), 'utf8')) as Row[]
const given = ({ texts }: Row): (string | [string, string])[] =>
  texts.map(([first = '', second]) => (second === undefined ? first : [first, second]))

describe('classify', () => {
  it.each(rows.map((row, index) => [`${row.model}, file ${index}`, row] as const))(
    'has the probabilities of transformers: %s',
    async (_, row) => {
      const events: ProgressEvent[] = []
      const found = await classify(at(row.model), given(row), { onProgress: event => events.push(event) })
      found.forEach(({ label, probability, all }, index) => {
        const expected = row.probabilities[index] ?? []
        // f32 on both sides, in another order.
        expected.forEach((value, place) => expect(all[place]?.probability).toBeCloseTo(value, 5))
        expect(probability).toBe(Math.max(...all.map(one => one.probability)))
        expect(all.find(one => one.label === label)?.probability).toBe(probability)
      })
      expect(events.at(-1)).toMatchObject({ stage: 'classify', overall: 1 })
    },
  )

  it('finds the labels that evaluate counts', async () => {
    const lines = readFileSync(at('single.tsv'), 'utf8').trim().split('\n').slice(1)
    const [texts, labels] = [0, 1].map(column => lines.map(line => line.split('\t')[column] ?? ''))
    const found = await classify(at('bert-two'), texts ?? [])
    // A file may give the number of a label.
    const isRight = ({ label, all }: Classified, wanted = ''): boolean =>
      label === (all[Number(wanted)]?.label ?? wanted)
    const right = found.filter((one, index) => isRight(one, labels?.[index])).length
    const { classification } = await evaluate(at('bert-two'), { task: at('single.tsv') })
    expect(right / lines.length).toBe(classification?.accuracy)
  })

  it.each([
    ['no texts', at('bert-two'), [], 'EMPTY'],
    ['three texts', at('bert-two'), [['a', 'b', 'c']], 'BAD_OPTION'],
    ['a model without a head', stories, ['a'], 'WRONG_KIND'],
  ] as const)('refuses %s', async (_, model, texts, code) => {
    expect((await kerfError(classify(model, texts as unknown as string[]))).code).toBe(code)
  })

  it('tells how many texts were cut', async () => {
    let cut = 0
    await classify(at('bert-two'), ['word '.repeat(400), 'short'], { onTruncated: texts => (cut = texts) })
    expect(cut).toBe(1)
  })
})

describe('kerf classify', () => {
  it('writes a label and its probability a line', async () => {
    const text = join(temporaryFolder(), 'texts.txt')
    writeFileSync(text, 'A fine film.\tIt was dull.\nOnce upon a time.\n')
    const { stdout, code } = await kerf(['classify', at('bert-two'), '--text', text, '--quiet'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^(good|bad)\t0\.\d+\n(good|bad)\t0\.\d+\n$/)
    const all = json(await kerf(['classify', at('bert-two'), '--text', text, '--json']))
    expect(all['texts']).toHaveLength(2)
    expect(all['truncated']).toBe(0)
  })
})
