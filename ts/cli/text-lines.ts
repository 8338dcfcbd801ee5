// Lines of a text file of any size, a batch at a time.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { expanded } from '../backend/home.js'
import { openStdin, STDIN } from './stdin.js'
import { KerfError } from '../errors.js'
import { decodePart } from '../text.js'

/** A batch ends with whichever comes first. So many texts take the core much longer than opening a model does. */
const BATCH_LINES = 4096
const BATCH_CHARACTERS = 4 << 20
const LINE_END = 0x0a

/**
 * Number of lines of a file that can be read twice, all of which is checked on the way; `undefined` of others, such as a pipe. Errors: `NOT_FOUND`,
 * `IO`, `NOT_UTF8`, `EMPTY`.
 */
export async function countLines(path: string): Promise<number | undefined> {
  if (path === STDIN.flag) return undefined
  const found = await readable(path, stat(expanded(path)))
  // What is under /dev may go on where it was read up to.
  if (!found.isFile() || expanded(path).startsWith('/dev/')) return undefined
  let count = 0
  for await (const batch of lineBatches(path)) count += batch.length
  return count
}

/**
 * Lines of a UTF-8 file, or of standard input (`-`), without their ends, in order; no batch is empty. The end of the last line begins no further one, a byte order
 * mark belongs to none. Errors: as {@link countLines}.
 */
export async function* lineBatches(path: string): AsyncGenerator<string[]> {
  let [batch, characters, isEmpty]: [string[], number, boolean] = [[], 0, true]
  for await (const part of parts(path)) {
    for (const line of linesOf(part)) {
      isEmpty = false
      batch.push(line)
      characters += line.length
      if (batch.length < BATCH_LINES && characters < BATCH_CHARACTERS) continue
      yield batch
      batch = []
      characters = 0
    }
  }
  if (batch.length > 0) yield batch
  if (isEmpty) throw empty(path)
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/** The text, cut after ends of lines. */
async function* parts(path: string): AsyncGenerator<string> {
  const name = path === STDIN.flag ? STDIN.name : path
  let [pending, offset]: [Uint8Array[], number] = [[], 0]
  const take = (): string => {
    const bytes = Buffer.concat(pending)
    const text = decodePart(bytes, name, offset)
    pending = []
    offset += bytes.length
    return text
  }
  for await (const chunk of chunks(path)) {
    const end = chunk.lastIndexOf(LINE_END) + 1
    pending.push(chunk.subarray(0, end))
    if (end > 0) yield take()
    if (end < chunk.length) pending.push(chunk.subarray(end))
  }
  yield take()
}

async function* chunks(path: string): AsyncGenerator<Buffer> {
  const isStdin = path === STDIN.flag
  const stream = (isStdin ? openStdin() : createReadStream(expanded(path))) as AsyncIterable<Buffer>
  const iterator = stream[Symbol.asyncIterator]()
  try {
    for (;;) {
      const { done, value } = await readable(path, iterator.next())
      if (done) return
      yield value
    }
  } finally {
    await iterator.return?.()
  }
}

/** What the system refuses most, as a sentence says it. */
const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  EISDIR: 'it is a folder, where a file is expected',
  EACCES: 'you may not read it (permission denied)',
}

/** What the system says of a file, in the words of the core. */
async function readable<T>(path: string, promise: Promise<T>): Promise<T> {
  try {
    return await promise
  } catch (error) {
    const { code = '', message: reason } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') {
      throw new KerfError({ code: 'NOT_FOUND', message: `${path} does not exist`, details: { path } })
    }
    const words = SYSTEM_WORDS[code] ?? reason
    throw new KerfError({
      code: 'IO',
      message: `${path}: ${words}`,
      details: { path, kind: code, reason: words },
    })
  }
}

function empty(path: string): KerfError {
  const [what, fix] = [path === STDIN.flag ? STDIN.name : path, 'give one text a line']
  return new KerfError({ code: 'EMPTY', message: `${what} is empty: ${fix}`, details: { what, fix } })
}
