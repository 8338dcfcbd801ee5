import { STAGE_LABELS, type ProgressEvent } from '../browser.js'
import { duration, shorten } from '../format.js'
import { Pace } from '../pace.js'
import { button, el, section } from './dom.js'

/** How often a screen reader is told how far the run is. */
const SPOKEN_MS = 10_000
/** Longest name of a matrix or file. */
const NAME_WIDTH = 48

/** How a run goes on: one bar for all of it, and in words what is being done. */
export class Progress {
  readonly element: HTMLElement
  private readonly pace = new Pace()
  private readonly bar = el('progress', { 'aria-label': 'Progress', max: 1, value: 0 })
  private readonly clock = el('p', { class: 'clock' })
  private readonly stage = el('p', { class: 'stage' })
  private readonly spoken = el('p', { class: 'hidden-words', role: 'status', 'aria-live': 'polite' })
  private readonly timer: ReturnType<typeof setInterval>
  private spokenMs = -Infinity

  /** `foreseenSeconds` is what the plan said. */
  constructor(
    title: string,
    private readonly foreseenSeconds: number | undefined,
    onCancel: () => void,
  ) {
    const cancel = button('Cancel', () => {
      cancel.disabled = true
      this.say('Stopping')
      onCancel()
    })
    this.element = section(
      'work',
      title,
      this.clock,
      this.bar,
      this.stage,
      this.spoken,
      el('div', { class: 'actions' }, cancel),
      el(
        'p',
        { class: 'note' },
        'What is done is kept on this device: a run that ends early goes on from there.',
      ),
    )
    this.timer = setInterval(() => this.tick(), 500)
    this.tick()
  }

  /** Shows an event. */
  take({ overall, stage, name }: ProgressEvent): void {
    this.pace.take(overall)
    this.bar.value = overall
    this.stage.textContent = `${STAGE_LABELS[stage]}${name && `, ${shorten(name, NAME_WIDTH)}`}`
    if (performance.now() - this.spokenMs > SPOKEN_MS) this.say(`${STAGE_LABELS[stage]}. ${this.inTime()}`)
  }

  /** No more is shown. */
  end(): void {
    clearInterval(this.timer)
  }

  private tick(): void {
    this.clock.textContent = this.inTime()
  }

  private inTime(): string {
    const left = this.left()
    const rest = left === undefined ? 'time left not known yet' : `about ${duration(Math.max(1, left))} left`
    return `${Math.floor(100 * this.pace.share)} % · ${duration(this.pace.elapsed)} so far, ${rest}`
  }

  /** By the rate of the run, and before there is one, by its plan. */
  private left(): number | undefined {
    const { left, elapsed } = this.pace
    if (left !== undefined) return left
    const { foreseenSeconds } = this
    return foreseenSeconds === undefined || elapsed >= foreseenSeconds ? undefined : foreseenSeconds - elapsed
  }

  private say(text: string): void {
    this.spokenMs = performance.now()
    this.spoken.textContent = text
  }
}
