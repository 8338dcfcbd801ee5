// Text that people really have: cut in the middle of an emoji, with a byte order mark, in another encoding.
import { compress, embed, generate } from 'kerf'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { json, jsonError, kerf } from './support/cli.js'
import { kerfError } from './support/errors.js'
import { names, temporaryFolder } from './support/folders.js'
import { quick, root, stories } from './support/models.js'

const folder = temporaryFolder()

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

describe('half of a surrogate pair in a text', () => {
  it('is U+FFFD, and the batch goes on', async () => {
    const vectors = await embed(stories, ['I like \ud83d', 'a whole text', 'I like \ufffd'])
    expect(vectors[0]).toEqual(vectors[2])
    const options = { maxTokens: 4 }
    const cut = await generate(stories, 'Once \ude00', options)
    expect(cut.text).toBe((await generate(stories, 'Once \ufffd', options)).text)
    const out = join(folder, 'halves')
    await compress(stories, {
      ...quick,
      calibration: ['Once \ud83d upon a time there was a cat. '.repeat(40)],
      out,
    })
    expect(names(out)).toContain('model.kerf')
  })
})

describe('kerf embed', () => {
  const lines = 'a dog\r\na cat\n\nthe sea'
  const vectors = async (path: string): Promise<unknown> => {
    const ended = await kerf(['embed', stories, '--text', path, '--json'])
    expect(ended.code, ended.stdout).toBe(0)
    return json(ended)['vectors']
  }

  it('leaves a byte order mark out', async () => {
    const plain = await vectors(file('plain.txt', lines))
    expect(plain).toHaveLength(4)
    expect(await vectors(file('mark.txt', `\ufeff${lines}`))).toEqual(plain)
    expect(await vectors(file('end.txt', `${lines}\n`))).toEqual(plain)
  })

  it('refuses what is not UTF-8 before it writes anything', async () => {
    const many = Buffer.from('a line that is fine\n'.repeat(30_000))
    const path = file('latin.txt', Buffer.concat([many, Buffer.from('caf\xe9\n', 'latin1')]))
    for (const flags of [[], ['--json']]) {
      const ended = await kerf(['embed', stories, '--text', path, ...flags])
      expect(ended.code).toBe(1)
      if (flags.length === 0) expect(ended.stdout).toBe('')
      else {
        const details = { path, offset: many.length + 3 }
        expect(jsonError(ended)).toMatchObject({ code: 'NOT_UTF8', details })
      }
    }
    const empty = await kerf(['embed', stories, '--text', file('empty.txt', '\ufeff'), '--json'])
    expect(jsonError(empty).code).toBe('EMPTY')
    const isFolder = await kerf(['embed', stories, '--text', folder, '--json'])
    expect(jsonError(isFolder)).toMatchObject({ code: 'IO', details: { path: folder, kind: 'EISDIR' } })
  })

  it('writes the same for people and as JSON, also over several batches', async () => {
    const count = 5000
    const path = file('many.txt', Array.from({ length: count }, (_, i) => `${i % 7} cats`).join('\n'))
    const [object, ended] = [await vectors(path), await kerf(['embed', stories, '--text', path, '--quiet'])]
    expect(ended.code).toBe(0)
    const rows = ended.stdout.trimEnd().split('\n')
    expect(rows).toHaveLength(count)
    const numbers = rows.map(row => row.split(' ').map(Number))
    expect(numbers).toEqual(object)
    expect(numbers[4999]?.[0]).toBeCloseTo(numbers[4999 % 7]?.[0] ?? NaN, 5)
  })

  it('reads a pipe', async () => {
    const command = '"$0" "$1" embed "$2" --text /dev/stdin --json'
    const args = [process.execPath, join(root, 'dist', 'cli.js'), stories]
    const { stdout } = await promisify(execFile)('sh', [
      '-c',
      `printf 'a dog\\na cat\\n' | ${command}`,
      ...args,
    ])
    expect((JSON.parse(stdout) as { vectors: unknown[] }).vectors).toHaveLength(2)
  })
})

describe('a text to measure on that is not UTF-8', () => {
  it('is refused before the work', async () => {
    const evalText = file('utf16.txt', Buffer.from('\ufeffsome text', 'utf16le'))
    const out = join(folder, 'measured')
    const error = await kerfError(compress(stories, { ...quick, evalText, out }))
    expect(error).toMatchObject({ code: 'NOT_UTF8', details: { path: evalText, offset: 0 } })
    expect(names(out)).toEqual([])
  })
})
