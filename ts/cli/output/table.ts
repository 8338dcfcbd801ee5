import type { Screen } from '../screen.js'
import { shorten } from '../../format.js'

/** A column: its head, and whether its cells are numbers. */
export interface Column {
  head: string
  right?: boolean
  /** It is left out before names are broken. */
  spare?: boolean
}

const GAP = '  '
/** Before the part of a name that goes on below. */
const INDENT = ' '
const NARROWEST_NAME = 12

/**
 * What becomes of names that do not fit. What tells two apart may be anywhere in them, so that those of tensors are not `cut`: they are
 * `broken`, to go on below at their points, or `whole`, which lets other columns go first.
 */
export type LongNames = 'cut' | 'broken' | 'whole'

/**
 * Prints rows under heads. The first column gives way where the screen is narrow, then the last columns are left out. A row of one cell is a heading.
 */
export function table(
  screen: Screen,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  longNames: LongNames = 'cut',
): void {
  const full = rows.filter(row => row.length > 1)
  const widths = columns.map((column, index) =>
    Math.max(column.head.length, ...full.map(row => row[index]?.length ?? 0)),
  )
  const shown = fit(columns, widths, screen.width - 2, narrowest(full, longNames))
  const print = (cells: readonly string[], style: (text: string) => string): void => {
    const [width = 1] = shown
    const names = lines(cells[0] ?? '', width, longNames)
    names.forEach((name, index) => {
      const rest = index === 0 ? cells.slice(1) : []
      const line = [name, ...rest].slice(0, shown.length).map((cell, column) => {
        const room = shown[column] ?? 0
        const text = column === 0 ? cell : shorten(cell, room)
        return columns[column]?.right ? text.padStart(room) : text.padEnd(room)
      })
      screen.line(style(`${GAP}${line.join(GAP)}`.trimEnd()))
    })
  }
  print(
    columns.map(column => column.head),
    screen.colors.dim,
  )
  for (const row of rows) {
    if (row.length > 1) print(row, text => text)
    else screen.line(screen.colors.dim(`${GAP}${row[0]}`))
  }
}

/** Columns that names need at least. */
function narrowest(rows: readonly (readonly string[])[], longNames: LongNames): number {
  if (longNames === 'cut') return NARROWEST_NAME
  const names = rows.map(([name = '']) => name)
  if (longNames === 'whole') return Math.max(...names.map(name => name.length))
  return Math.max(...names.flatMap(name => broken(name, 1)).map(line => line.length))
}

function lines(name: string, width: number, longNames: LongNames): string[] {
  if (longNames === 'whole') return [name]
  return longNames === 'broken' ? broken(name, width) : [shorten(name, width)]
}

/** Parts of a name that fit, cut before points; what follows the first is set in. */
function broken(name: string, width: number): string[] {
  const further = `${/^ */.exec(name)?.[0] ?? ''}${INDENT}`
  const lines: string[] = []
  let line = ''
  for (const part of name.split(/(?=\.)/)) {
    if (line !== '' && line.length + part.length > width) {
      lines.push(line)
      line = further
    }
    line += part
  }
  return [...lines, line]
}

/** Drops the end `.weight` of names, which tells none of them from another, where that makes no two the same. */
export function withoutWeight<T extends { name: string }>(items: readonly T[]): T[] {
  const names = new Set(items.map(({ name }) => name))
  return items.map(item => {
    const short = item.name.replace(/\.weight$/, '')
    return short === item.name || names.has(short) ? item : { ...item, name: short }
  })
}

/**
 * Rows of groups, in which those of the same blocks are under one heading, `model.layers.{0..4}`, and keep the rest of their names.
 */
export function underBlocks<G extends { name: string }>(
  groups: readonly G[],
  row: (group: G, name: string) => string[],
): string[][] {
  const rows: string[][] = []
  let heading = ''
  for (const group of groups) {
    const [, blocks = '', rest = group.name] = /^(.*\{[\d.,]+\})\.(.+)$/.exec(group.name) ?? []
    if (blocks !== '' && blocks !== heading) rows.push([blocks])
    heading = blocks
    rows.push(row(group, blocks === '' ? rest : `  ${rest}`))
  }
  return rows
}

/** Widths of the columns that are shown. */
function fit(
  columns: readonly Column[],
  widths: readonly number[],
  available: number,
  narrowest: number,
): number[] {
  const shown = [...widths]
  const total = (): number => shown.reduce((sum, width) => sum + width + GAP.length, -GAP.length)
  while (total() > available && columns[shown.length - 1]?.spare) shown.pop()
  for (;;) {
    const rest = total() - (shown[0] ?? 0)
    const name = available - rest
    if (name >= Math.min(narrowest, widths[0] ?? 0) || shown.length <= 1) {
      shown[0] = Math.max(1, Math.min(widths[0] ?? 0, name))
      return shown
    }
    shown.pop()
  }
}

/** Prints a list of facts: a word, the value, and a remark in a dim voice. Long values go on under themselves. */
export function facts(screen: Screen, rows: readonly (readonly [string, string, string?])[]): void {
  const label = Math.max(...rows.map(([name]) => name.length))
  for (const [name, value, remark] of rows) {
    const lines = wrap(remark ? `${value}  ${remark}` : value, screen.width - label - 4)
    lines.forEach((line, index) => {
      const head = screen.colors.dim((index === 0 ? name : '').padEnd(label))
      screen.line(`${GAP}${head}${GAP}${line}`)
    })
  }
}

/** Prints remarks, one a paragraph. */
export function notes(screen: Screen, texts: readonly string[]): void {
  for (const text of texts) {
    wrap(screen.spell?.(text) ?? text, screen.width - 8).forEach((line, index) => {
      screen.line(`${GAP}${index === 0 ? screen.colors.yellow('note') : '    '}${GAP}${line}`)
    })
  }
}

/** Breaks at spaces, so that no line is longer than `width` unless a single word is. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/(?<=\S)(?= )/)) {
    if (line !== '' && line.length + word.length > Math.max(width, 10)) {
      lines.push(line)
      line = word.trimStart()
    } else {
      line += word
    }
  }
  return [...lines, line]
}
