import cliProgress, { type MultiBar, type SingleBar } from 'cli-progress'
import pc from 'picocolors'
import type { ProgressEvent, Stage } from '../../generated/index.js'
import { columns, wantsColor } from '../screen.js'
import { bytes, duration, integer, shorten } from '../../format.js'

/** Shows how far the work is. */
export interface Progress {
  update: (event: ProgressEvent) => void
  /** Something to say meanwhile. */
  say: (text: string) => void
  /** Leaves the last state on the screen. */
  close: () => void
}

/** A stage with its latest event and the times that its time left is guessed from. */
interface Row {
  event: ProgressEvent
  startedMs: number
  firstDone: number
  endedMs: number | undefined
}

const FRAMES_PER_SECOND = 12
const LINE_MS = 5000
const WORDS: Record<Stage, string> = {
  plan: 'plan',
  calibrate: 'calibrate',
  survey: 'survey',
  search: 'search',
  statistics: 'statistics',
  solve: 'solve',
  forward: 'forward',
  download: 'download',
  copy: 'copy',
  write: 'write',
  evaluate: 'evaluate',
  generate: 'generate',
}

/** Bars on a terminal, plain lines in a pipe, both on `stream`. */
export function openProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  return stream.isTTY && process.env['TERM'] !== 'dumb' ? new Bars(stream) : new Lines(stream)
}

/** Shows nothing but what is said. */
export function quietProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  return { update: () => undefined, say: text => void stream.write(`${text}\n`), close: () => undefined }
}

class Rows {
  readonly rows = new Map<Stage, Row>()

  take(event: ProgressEvent): Row {
    const now = performance.now()
    const row = this.rows.get(event.stage) ?? {
      event,
      startedMs: now,
      firstDone: event.done,
      endedMs: undefined,
    }
    row.event = event
    row.endedMs = event.total > 0 && event.done >= event.total ? (row.endedMs ?? now) : undefined
    this.rows.set(event.stage, row)
    return row
  }
}

/** One bar a stage. A line is never as wide as the terminal, so nothing wraps. */
class Bars implements Progress {
  private readonly state = new Rows()
  private readonly bars = new Map<Stage, SingleBar>()
  private readonly screen: MultiBar

  constructor(stream: NodeJS.WriteStream) {
    const colors = pc.createColors(wantsColor(stream))
    this.screen = new cliProgress.MultiBar({
      stream,
      fps: FRAMES_PER_SECOND,
      forceRedraw: true, // Time left changes between events.
      gracefulExit: false, // Ctrl-C is the command's to hear.
      hideCursor: false, // A second Ctrl-C would leave it hidden.
      format: (_options, _params, { row }: { row: Row }) => barLine(row, columns(stream) - 1, colors),
    })
  }

  update(event: ProgressEvent): void {
    const row = this.state.take(event)
    const bar = this.bars.get(event.stage) ?? this.screen.create(event.total, 0, { row })
    this.bars.set(event.stage, bar)
    bar.setTotal(event.total)
    bar.update(event.done, { row })
  }

  say(text: string): void {
    this.screen.log(`${text}\n`)
  }

  close(): void {
    this.screen.stop()
  }
}

/** One line when a block is done, otherwise one every few seconds, and one at the end of a stage. */
class Lines implements Progress {
  private readonly state = new Rows()
  private readonly shown = new Map<Stage, { atMs: number; done: number }>()

  constructor(private readonly stream: NodeJS.WriteStream) {}

  update(event: ProgressEvent): void {
    const row = this.state.take(event)
    const last = this.shown.get(event.stage)
    if (event.total === 0 || last?.done === event.done) return
    const now = performance.now()
    const isEnd = event.done >= event.total
    const isBlock = event.unit === 'blocks' && now - (last?.atMs ?? row.startedMs) >= LINE_MS / 5
    if (!isEnd && !isBlock && now - (last?.atMs ?? row.startedMs) < LINE_MS) return
    this.shown.set(event.stage, { atMs: now, done: event.done })
    this.stream.write(`${WORDS[event.stage]} ${counts(event)}${timing(row, ', ')}\n`)
  }

  say(text: string): void {
    this.stream.write(`${text}\n`)
  }

  close(): void {
    this.shown.clear()
  }
}

/** The bar line of a stage in at most `width` columns: the name is left out first, then the bar. */
export function barLine(row: Row, width: number, colors = pc.createColors(false)): string {
  const { event } = row
  const label = WORDS[event.stage].padEnd(10)
  const end = `${counts(event)}${timing(row, '  ')}`
  const barWidth = Math.min(30, width - label.length - end.length - 4)
  if (barWidth < 5) return shorten(`${label.trimEnd()} ${end}`, width)
  const share = event.total > 0 ? Math.min(1, event.done / event.total) : 0
  const full = Math.round(share * barWidth)
  const bar = `${colors.cyan('━'.repeat(full))}${colors.dim('─'.repeat(barWidth - full))}`
  const room = width - label.length - barWidth - end.length - 4
  const name = row.endedMs === undefined && event.stage !== 'generate' && room > 8 ? event.name : ''
  return `${label} ${bar} ${end}${name && `  ${colors.dim(shorten(name, room - 2))}`}`
}

function counts({ done, total, unit }: ProgressEvent): string {
  return unit === 'bytes' ? `${bytes(done)} of ${bytes(total)}` : `${integer(done)}/${integer(total)} ${unit}`
}

/** Time taken by a stage that is over, else time left if it can be guessed. */
function timing({ event, startedMs, firstDone, endedMs }: Row, separator: string): string {
  if (endedMs !== undefined) {
    const seconds = (endedMs - startedMs) / 1000
    return seconds < 0.05 ? '' : `${separator}${duration(seconds)}`
  }
  const done = event.done - firstDone
  const elapsed = (performance.now() - startedMs) / 1000
  if (done <= 0 || elapsed < 0.5) return ''
  return `${separator}${duration((elapsed * (event.total - event.done)) / done)} left`
}
