import { KerfError, plan, type PlanReport } from '../browser.js'
import { bytes, duration, significant } from '../format.js'
import type { Chosen } from './chosen.js'
import { el, facts } from './dom.js'
import { failure } from './failure.js'
import { optionsOf, type Wanted } from './wanted.js'

/** So long nothing must change before the engine is asked. */
const CALM_MS = 250

/** What a run will give and take, before it starts: bytes at once, the time a moment later. */
export class Estimate {
  readonly element = el('div', { class: 'estimate', role: 'status', 'aria-live': 'polite' })
  /** Seconds that the run will take, once it is known. */
  seconds: number | undefined
  private stop = new AbortController()
  private timer: ReturnType<typeof setTimeout> | undefined

  /** `onReady` hears whether a run could start. */
  constructor(private readonly onReady: (isReady: boolean) => void) {}

  /** Asks again. What was asked before is forgotten. */
  ask(chosen: Chosen, wanted: Wanted): void {
    this.end()
    this.stop = new AbortController()
    this.seconds = undefined
    const { signal } = this.stop
    this.element.setAttribute('aria-busy', 'true')
    this.timer = setTimeout(() => void this.work(chosen, wanted, signal), CALM_MS)
  }

  /** Stops asking. */
  end(): void {
    clearTimeout(this.timer)
    this.stop.abort()
  }

  private async work({ model }: Chosen, wanted: Wanted, signal: AbortSignal): Promise<void> {
    const options = { ...optionsOf(wanted), signal }
    try {
      const foreseen = await plan(model, { ...options, estimate: false })
      if (signal.aborted) return
      await this.show(foreseen, 'measuring …')
      this.onReady(true)
      const { seconds } = await plan(model, { ...options, estimate: true })
      if (signal.aborted) return
      this.seconds = seconds
      await this.show(foreseen, seconds === undefined ? 'cannot be told' : `about ${duration(seconds)}`)
    } catch (error) {
      if (signal.aborted || (error instanceof KerfError && error.code === 'CANCELLED')) return
      this.element.replaceChildren(failure(error))
      this.onReady(false)
    } finally {
      if (!signal.aborted) this.element.removeAttribute('aria-busy')
    }
  }

  private async show(foreseen: PlanReport, time: string): Promise<void> {
    const { inputBytes, outputBytes, bitsPerWeight, peakMemoryBytes, diskBytes } = foreseen
    const { quota, usage } = await navigator.storage.estimate()
    const free = quota === undefined ? undefined : quota - (usage ?? 0)
    const rows: [string, string][] = [
      ['result', `about ${bytes(outputBytes)}`],
      ['smaller', `${significant(inputBytes / outputBytes, 3)} times, from ${bytes(inputBytes)}`],
      ['bits per weight', significant(bitsPerWeight, 3)],
      ['time', time],
      ['memory', `at most ${bytes(peakMemoryBytes)}`],
      ['disk', `at most ${bytes(diskBytes)}${free === undefined ? '' : ` of ${bytes(free)} free`}`],
    ]
    const isTooMuch = free !== undefined && diskBytes > free
    this.element.replaceChildren(
      el('h3', {}, 'Before the start'),
      facts(rows),
      ...(isTooMuch
        ? [el('p', { class: 'warning' }, 'This site may not keep so much on the disk: remove results below.')]
        : []),
      ...foreseen.notes.map(note => el('p', { class: 'note' }, note)),
    )
  }
}
