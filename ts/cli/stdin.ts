// Standard input in the place of a file: `-`.
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { expanded } from '../backend/home.js'
import { KerfError } from '../errors.js'
import { decodeText } from '../text.js'
import { UsageError } from './usage.js'

/** What stands for it on the command line, and what it is called in sentences. A file of that name is `./-`. */
export const STDIN = { flag: '-', name: 'standard input' } as const

/** Standard input; who sits at a terminal is told that it is their turn. */
export function openStdin(): NodeJS.ReadStream {
  if (process.stdin.isTTY) process.stderr.write('reading from the terminal; Ctrl-D ends the text\n')
  return process.stdin
}

/** All of standard input as text. `NOT_UTF8` if it is none. */
export async function stdinText(): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of openStdin() as AsyncIterable<Buffer>) pieces.push(piece)
  return decodeText(Buffer.concat(pieces), STDIN.name)
}

/**
 * Work on options of which one may be `-`: its place takes a file with all of standard input while the work goes on. Errors name
 * standard input, not that file. `BAD_USAGE` if two are.
 */
export async function withStdin<O extends object, R>(
  options: O,
  files: readonly string[],
  work: (options: O) => Promise<R>,
): Promise<R> {
  const given = files.filter(name => (options as Record<string, unknown>)[name] === STDIN.flag)
  const [first, second] = given
  if (first === undefined) return work(options)
  if (second !== undefined) {
    const reason = `standard input can be read once, and \`${first}\` does`
    throw new UsageError({ option: second, expected: 'a file', actual: '"-"', reason })
  }
  return withSpooled(STDIN.flag, path => work({ ...options, [first]: path }))
}

/** Work on a file that can be read as often as one likes, made of a pipe or of standard input; it is gone afterwards. */
export async function withSpooled<R>(from: string, work: (path: string) => Promise<R>): Promise<R> {
  const folder = await mkdtemp(join(tmpdir(), 'kerf-stdin-'))
  const path = join(folder, 'text')
  const name = from === STDIN.flag ? STDIN.name : from
  try {
    const source = from === STDIN.flag ? openStdin() : createReadStream(expanded(from))
    await pipeline(source, createWriteStream(path))
    return await work(path)
  } catch (error) {
    throw renamed(error, path, name)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function renamed(error: unknown, path: string, name: string): unknown {
  if (!(error instanceof KerfError)) return error
  const { code, message, details, cause } = error
  const better = (value: unknown): unknown =>
    typeof value === 'string' ? value.replaceAll(path, () => name) : value
  const fields = Object.entries(details).map(([field, value]) => [field, better(value)] as const)
  const data = { code, message: message.replaceAll(path, () => name), details: Object.fromEntries(fields) }
  return new KerfError(data, { cause })
}
