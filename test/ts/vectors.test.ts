// `kerf embed`: forms of vectors, and texts from standard input.
import { embed } from 'kerf'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from './support/folders.js'
import { root, sample, stories } from './support/models.js'

const TEXTS = ['one', 'two words', 'and a third text']
const folder = temporaryFolder()
const file = join(folder, 'texts.txt')
let expected: Float32Array[] = []

beforeAll(async () => {
  writeFileSync(file, `${TEXTS.join('\n')}\n`)
  expected = await embed(stories, TEXTS)
})

/** Runs `kerf ...` with bytes on standard input; its output as bytes. */
function piped(args: readonly string[], input: string | Buffer = ''): Promise<{ out: Buffer; err: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'dist', 'cli.js'), ...args])
    const pieces: Buffer[] = []
    let err = ''
    child.stdout.on('data', (piece: Buffer) => pieces.push(piece))
    child.stderr.on('data', (piece: Buffer) => (err += piece.toString()))
    child.on('error', reject)
    child.on('close', () => resolve({ out: Buffer.concat(pieces), err }))
    child.stdin.on('error', () => undefined).end(input)
  })
}

/** Reads the format of numpy as its specification has it, independently of what writes it. */
function readNpy(bytes: Buffer): { shape: number[]; rows: number[][] } {
  expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x93NUMPY\x01\x00')
  const length = bytes.readUInt16LE(8)
  expect((10 + length) % 64).toBe(0)
  const header = bytes.subarray(10, 10 + length).toString('latin1')
  expect(header.endsWith('\n')).toBe(true)
  const [, order, count = '', width = ''] =
    /^\{'descr': '([<>])f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\), \} *\n$/.exec(header) ?? []
  expect(order).toBe('<')
  const [rows, columns] = [Number(count), Number(width)]
  expect(bytes.length).toBe(10 + length + 4 * rows * columns)
  const value = (row: number, column: number): number =>
    bytes.readFloatLE(10 + length + 4 * (row * columns + column))
  const all = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => value(row, column)),
  )
  return { shape: [rows, columns], rows: all }
}

describe('--format', () => {
  it.each([
    ['a file', [file], ''],
    ['standard input', ['-'], `${TEXTS.join('\n')}\n`],
    ['standard input without a last line end', ['-'], TEXTS.join('\n')],
  ])('npy is one array of 32-bit floats, from %s', async (_, [text = ''], input) => {
    const { out } = await piped(['embed', stories, '--text', text, '--format', 'npy', '--quiet'], input)
    const { shape, rows } = readNpy(out)
    expect(shape).toEqual([3, 64])
    expect(rows).toEqual(expected.map(vector => Array.from(vector)))
  })

  it('npy of more lines than go through at once has one header that counts them all', async () => {
    const count = 5000
    const { out } = await piped(
      ['embed', stories, '--text', '-', '--format', 'npy', '--quiet'],
      'a\n'.repeat(count),
    )
    expect(readNpy(out).shape).toEqual([count, 64])
  })

  it('ndjson is an array a line, text is numbers a line', async () => {
    const read = async (...flags: string[]): Promise<string[]> => {
      const { out } = await piped(['embed', stories, '--text', file, '--quiet', ...flags])
      return out.toString().trimEnd().split('\n')
    }
    const vectors = expected.map(vector => Array.from(vector, value => Number(value.toPrecision(9))))
    expect((await read('--format', 'ndjson')).map(line => JSON.parse(line) as unknown)).toEqual(vectors)
    expect(await read()).toEqual(vectors.map(vector => vector.join(' ')))
    expect(await read('--format', 'text')).toEqual(await read())
  })
})

describe('standard input', () => {
  it('is the text of eval, of calibration and of a prompt', async () => {
    const text = 'Once upon a time there was a little girl. She liked to play in the park. '.repeat(40)
    const given = join(folder, 'story.txt')
    writeFileSync(given, text)
    const measured = async (from: string, input: string): Promise<unknown> => {
      const { out } = await piped(['eval', stories, '--text', from, '--json'], input)
      return (JSON.parse(out.toString()) as { nll: number }).nll
    }
    expect(await measured('-', text)).toBe(await measured(given, ''))
    const planned = await piped(['plan', stories, '--calibration', '-', '--json'], text)
    expect(JSON.parse(planned.out.toString())).toMatchObject({ text: { bytes: text.length } })
    const written = async (prompt: string, input: string): Promise<string> =>
      (await piped(['generate', stories, '--prompt', prompt, '--max-tokens', '8'], input)).out.toString()
    expect(await written('-', 'Once upon')).toBe(await written('Once upon', ''))
  })

  it('is named as such where it is wrong', async () => {
    const { err } = await piped(['eval', stories, '--text', '-'], Buffer.from([0x61, 0xff]))
    expect(err).toBe('kerf: standard input is not UTF-8 text: bad byte at offset 1; convert it to UTF-8\n')
  })
})

it('nothing of a prompt is printed before everything was checked', async () => {
  for (const flags of [
    ['--top-p', '0'],
    ['--max-memory', '1MB'],
    ['--architecture', sample],
  ]) {
    const { out, err } = await piped(['generate', stories, '--prompt', 'Once', ...flags])
    expect(out.toString()).toBe('')
    expect(err).toMatch(/^kerf: /)
  }
})
