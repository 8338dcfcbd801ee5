// The code blocks of a Markdown file: fenced ones by their language, indented ones by how they begin.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './models.js'

/** What a block is. `layout` is a drawing, a table or a formula: nothing that could be run. */
export type Kind = 'ts' | 'js' | 'json' | 'rust' | 'shell' | 'layout'

/** A block. */
export interface Block {
  /** Path from the root of the repository. */
  file: string
  /** Number of its first line. */
  line: number
  kind: Kind
  text: string
}

const FENCED: Readonly<Record<string, Kind>> = { ts: 'ts', js: 'js', json: 'json', rust: 'rust', sh: 'shell' }
const COMMAND = /^(?:[A-Z\d_]+=(?:"[^"]*"|\S+) )*(?:npx|npm|node|cargo|python3?|hf|git|pip|apt-get) /
const CODE = /^(?:import|export|const|for|try|await|\/\/) ?/

/** All blocks of a file, in order. A fence with another language, or with none, is an error: nobody would check it. */
export function blocksOf(file: string): Block[] {
  const lines = readFileSync(join(root, file), 'utf8').split('\n')
  const blocks: Block[] = []
  let at = 0
  while (at < lines.length) {
    const fence = /^(\s*)```(\w*)$/.exec(lines[at] ?? '')
    const start = at
    if (fence) {
      const end = lines.indexOf(`${fence[1]}\`\`\``, at + 1)
      const kind = FENCED[fence[2] ?? '']
      if (end < 0 || kind === undefined)
        throw new Error(`${file}:${at + 1}: a fence with language "${fence[2]}"`)
      const indent = fence[1]?.length ?? 0
      const text = lines.slice(at + 1, end).map(line => line.slice(indent))
      blocks.push({ file, line: start + 2, kind, text: text.join('\n') })
      at = end + 1
    } else if (isIndented(lines, at)) {
      while (/^ {4}|^$/.test(lines[at] ?? 'x')) at += 1
      const text = lines
        .slice(start, at)
        .map(line => line.slice(4))
        .join('\n')
        .trimEnd()
      blocks.push({ file, line: start + 1, kind: kindOf(text), text })
    } else at += 1
  }
  return blocks
}

/** Four spaces after an empty line or a heading; inside a list they only go on with an item. */
function isIndented(lines: readonly string[], at: number): boolean {
  return (
    /^ {4}\S/.test(lines[at] ?? '') &&
    /^(?:#.*)?$/.test(lines[at - 1] ?? '') &&
    !/^\s*(?:[-*]|\d+\.) /.test(lines[at] ?? '')
  )
}

function kindOf(text: string): Kind {
  if (COMMAND.test(text)) return 'shell'
  return CODE.test(text) ? 'ts' : 'layout'
}

/** One command of a block. */
export interface Line {
  file: string
  line: number
  /** As it would be typed, without what stands beside it. */
  command: string
  /** What stands beside it: words, or more flags. */
  beside: string
}

/** Commands of a shell block. Three spaces end a command: what follows explains it. */
export function commandsOf({ file, line, text }: Block): Line[] {
  const found: Line[] = []
  let joined = ''
  for (const [index, piece] of text.split('\n').entries()) {
    joined += (joined === '' ? piece : piece.trimStart()).replace(/\\$/, '')
    if (piece.endsWith('\\') || joined.trim() === '') continue
    const [command = '', ...rest] = joined.trim().split(/ {3,}/)
    found.push({ file, line: line + index, command, beside: rest.join(' ') })
    joined = ''
  }
  return found
}
