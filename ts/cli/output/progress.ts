import cliProgress, { type MultiBar, type SingleBar } from 'cli-progress'
import pc from 'picocolors'
import type { ProgressEvent } from '../../generated/index.js'
import { Pace } from '../../pace.js'
import { columns, wantsColor } from '../screen.js'
import { barLine, percent, plainLine, type End, type State } from './progress-line.js'

/** Shows how far the work is. */
export interface Progress {
  update: (event: ProgressEvent) => void
  /** Something to say meanwhile. */
  say: (text: string) => void
  /** Leaves the last state on the screen, with how the work ended, and everything else as it was. */
  close: (end: End) => void
}

const FRAMES_PER_SECOND = 10
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

/** One bar for all of the work. Its line is never as wide as the terminal, so nothing wraps. */
class Bar implements Progress {
  private readonly latest = new Latest()
  private readonly screen: MultiBar
  private bar: SingleBar | undefined
  private end: End | undefined
  /** However the process ends, the terminal is as it was. */
  private readonly onExit = (): void => this.close('stopped')

  constructor(private readonly stream: NodeJS.WriteStream) {
    const colors = pc.createColors(wantsColor(stream))
    // Several bars are what the library can write lines above.
    this.screen = new cliProgress.MultiBar({
      stream,
      fps: FRAMES_PER_SECOND,
      forceRedraw: true, // Time left changes between events.
      gracefulExit: false, // Ctrl-C is the command's to hear.
      hideCursor: false,
      format: () => {
        const state = this.latest.state(this.end)
        return state ? barLine(state, columns(stream) - 1, colors) : ''
      },
    })
  }

  update(event: ProgressEvent): void {
    if (this.end !== undefined) return
    this.latest.take(event)
    if (!this.bar) {
      process.once('exit', this.onExit)
      this.bar = this.screen.create(1, 0)
    }
    this.bar.update(event.overall)
  }

  say(text: string): void {
    if (!this.bar) return void this.stream.write(`${text}\n`)
    this.screen.log(`${text}\n`)
    // Now, since the work may end before the next frame.
    this.screen.update()
  }

  close(end: End): void {
    if (this.end !== undefined) return
    this.end = end
    process.off('exit', this.onExit)
    if (this.bar) this.screen.stop()
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
