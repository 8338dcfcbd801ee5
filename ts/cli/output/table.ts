import type { Screen } from '../screen.js'
import { shorten } from '../../format.js'

/** A column: its head, and whether its cells are numbers. */
export interface Column {
  head: string
  right?: boolean
}

const GAP = '  '
const NARROWEST_NAME = 12

/** Prints rows under heads. The first column gives way where the screen is narrow, then the last columns are left out. */
export function table(
  screen: Screen,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): void {
  const widths = columns.map((column, index) =>
    Math.max(column.head.length, ...rows.map(row => row[index]?.length ?? 0)),
  )
  const shown = fit(widths, screen.width - 2)
  const print = (cells: readonly string[], style: (text: string) => string): void => {
    const line = shown.map((width, index) => {
      const cell = shorten(cells[index] ?? '', width)
      return columns[index]?.right ? cell.padStart(width) : cell.padEnd(width)
    })
    screen.line(style(`${GAP}${line.join(GAP)}`.trimEnd()))
  }
  print(
    columns.map(column => column.head),
    screen.colors.dim,
  )
  for (const row of rows) print(row, text => text)
}

function fit(widths: readonly number[], available: number): number[] {
  const shown = [...widths]
  const total = (): number => shown.reduce((sum, width) => sum + width + GAP.length, -GAP.length)
  for (;;) {
    const rest = total() - (shown[0] ?? 0)
    const name = available - rest
    if (name >= Math.min(NARROWEST_NAME, widths[0] ?? 0) || shown.length <= 1) {
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
    wrap(text, screen.width - 8).forEach((line, index) => {
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
