import pc from 'picocolors'
import type { ProgressEvent } from '../../generated/index.js'
import { Pace } from '../../pace.js'
import { columns, wantsColor, type Colors } from '../screen.js'
import { barLine, percent, plainLine, type End, type State } from './progress-line.js'
import { wrap } from './table.js'

/** Shows how far the work is. */
export interface Progress {
  update: (event: ProgressEvent) => void
  /** Something to say meanwhile. */
  say: (text: string) => void
  /** Leaves the last state on the screen, with how the work ended, and everything else as it was. */
  close: (end: End) => void
}

const FRAME_MS = 100
/** Columns after a line for the cursor, and for the ^C that a terminal shows. */
const ROOM = 3
/** To the start of the line, and nothing on it. */
const CLEARED = '\r\x1b[K'
/** Shortest time between two plain lines. */
const LINE_MS = 1000

/** A bar on a terminal, plain lines in a pipe, both on `stream`. */
export function openProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  return stream.isTTY && process.env['TERM'] !== 'dumb' ? new Bar(stream) : new Lines(stream)
}

/** Shows nothing but what is said. */
export function quietProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  return { update: () => undefined, say: text => void stream.write(`${text}\n`), close: () => undefined }
}

/** The latest event with its times. */
class Latest {
  private readonly pace = new Pace()
  private event: ProgressEvent | undefined

  take(event: ProgressEvent): void {
    this.event = event
    this.pace.take(event.overall)
  }

  /** Nothing before the first event. */
  state(end?: End): State | undefined {
    const { elapsed, left } = this.pace
    return this.event && { event: this.event, elapsed, left, ...(end && { end }) }
  }
}

/** One bar for all of the work. Its line is never as wide as the terminal, so nothing wraps; no mode of the terminal is changed. */
class Bar implements Progress {
  private readonly latest = new Latest()
  private readonly colors: Colors
  private timer: ReturnType<typeof setInterval> | undefined
  private drawn = ''
  private end: End | undefined
  /** However the process ends, what comes next begins on a line of its own. */
  private readonly onExit = (): void => this.close('stopped')

  constructor(private readonly stream: NodeJS.WriteStream) {
    this.colors = pc.createColors(wantsColor(stream))
  }

  update(event: ProgressEvent): void {
    if (this.end !== undefined) return
    this.latest.take(event)
    if (this.timer) return
    // Time left changes between events.
    this.timer = setInterval(() => this.draw(), FRAME_MS).unref()
    process.once('exit', this.onExit)
    this.draw()
  }

  say(text: string): void {
    const isOpen = this.drawn !== '' && this.end === undefined
    const lines = wrap(text, columns(this.stream) - 1).join('\n')
    this.stream.write(`${isOpen ? CLEARED : ''}${lines}\n`)
    this.drawn = ''
    if (isOpen) this.draw()
  }

  close(end: End): void {
    if (this.end !== undefined) return
    this.end = end
    clearInterval(this.timer)
    process.off('exit', this.onExit)
    if (!this.timer) return
    this.draw()
    this.stream.write('\n')
  }

  private draw(): void {
    const state = this.latest.state(this.end)
    const line = state ? barLine(state, columns(this.stream) - ROOM, this.colors) : ''
    if (line === this.drawn) return
    this.drawn = line
    this.stream.write(`${CLEARED}${line}`)
  }
}

/** A line when there is another percent, but at most one a second, and one at the end. */
class Lines implements Progress {
  private readonly latest = new Latest()
  private shownMs = performance.now()
  private shown = ''

  constructor(private readonly stream: NodeJS.WriteStream) {}

  update(event: ProgressEvent): void {
    this.latest.take(event)
    const share = percent(event.overall)
    const now = performance.now()
    if (share === this.shown || now - this.shownMs < LINE_MS) return
    this.shown = share
    this.shownMs = now
    this.show()
  }

  say(text: string): void {
    this.stream.write(`${text}\n`)
  }

  close(end: End): void {
    if (end === 'done') this.show(end)
  }

  private show(end?: End): void {
    const state = this.latest.state(end)
    if (state) this.stream.write(`${plainLine(state, columns(this.stream))}\n`)
  }
}
