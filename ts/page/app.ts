import { compress, inspect, KerfError, plan, type Inspection } from '../browser.js'
import type { Chosen } from './chosen.js'
import { chooser } from './chooser.js'
import { Controls } from './controls.js'
import { button, el, goTo } from './dom.js'
import { Estimate } from './estimate.js'
import { failure } from './failure.js'
import { KeptList } from './kept-list.js'
import { Progress } from './progress.js'
import { result } from './result.js'
import { begun, outOf, over, type KeptThings } from './runs.js'
import { summary } from './summary.js'
import { FIRST, optionsOf, type Wanted } from './wanted.js'

/** What follows what: a model, its size, the work, the result. */
export class App {
  private readonly model = el('div')
  private readonly size = el('div')
  private readonly work = el('div')
  private readonly done = el('div')
  private readonly list = new KeptList()
  private readonly chooser = chooser(chosen => void this.open(chosen))
  private things: KeptThings = { results: [], unfinished: [] }
  private wanted: Wanted = FIRST
  /** Whether something is chosen or being done. */
  isBusy = false

  constructor(main: HTMLElement) {
    // What went wrong stands above the settings that come back.
    main.replaceChildren(this.model, this.work, this.size, this.done, this.list.element)
    this.choose()
    void this.look()
  }

  /** Begins anew. */
  private choose(): void {
    this.isBusy = false
    this.model.replaceChildren(this.chooser)
    this.clear()
  }

  private clear(): void {
    for (const place of [this.size, this.work, this.done]) place.replaceChildren()
  }

  /** What is kept; a browser without such files says so when work begins. */
  private async look(): Promise<void> {
    try {
      this.things = await this.list.refresh()
    } catch (error) {
      this.list.element.replaceChildren(failure(error))
    }
  }

  private async open(chosen: Chosen): Promise<void> {
    this.isBusy = true
    this.clear()
    const waiting = el('p', { role: 'status', class: 'note' }, `Reading ${chosen.name} …`)
    this.work.replaceChildren(waiting)
    try {
      const found = await inspect(chosen.model)
      await this.look()
      this.clear()
      this.model.replaceChildren(summary(chosen, found, () => this.choose()))
      this.settings(chosen, found)
      goTo(this.model)
    } catch (error) {
      this.work.replaceChildren(failure(error))
    }
  }

  /** Controls, the estimate and the start. Settings of an unfinished run come back. */
  private settings(chosen: Chosen, found: Inspection): void {
    const open = this.things.unfinished.find(({ run }) => run?.model === chosen.name)?.run
    const start = button(
      open ? 'Continue' : 'Start',
      () => void this.run(chosen, found, controls.value, estimate),
      {
        class: 'main',
        disabled: true,
      },
    )
    const estimate = new Estimate(isReady => (start.disabled = !isReady))
    const text = open?.textName === undefined ? '' : ` and the text ${open.textName}`
    const resumes = `A run of this model is not finished: with these settings${text} it goes on from there.`
    const controls = new Controls(
      open?.wanted ?? this.wanted,
      found,
      wanted => {
        start.disabled = true
        estimate.ask(chosen, wanted)
      },
      estimate.element,
      ...(open ? [el('p', { class: 'note' }, resumes)] : []),
      el('div', { class: 'actions' }, start),
    )
    this.size.replaceChildren(controls.element)
    estimate.ask(chosen, controls.value)
  }

  private async run(chosen: Chosen, found: Inspection, wanted: Wanted, estimate: Estimate): Promise<void> {
    estimate.end()
    this.wanted = wanted
    const stop = new AbortController()
    const progress = new Progress(`Shrinking ${chosen.name}`, estimate.seconds, () => stop.abort())
    this.clear()
    this.lock(true)
    this.work.replaceChildren(progress.element)
    goTo(this.work)
    const options = { ...optionsOf(wanted), signal: stop.signal }
    const out = outOf(chosen.name, this.things)
    try {
      begun(chosen.name, out, wanted)
      const planned = await plan(chosen.model, { ...options, estimate: false })
      const onProgress = progress.take.bind(progress)
      const report = await compress(chosen.model, { ...options, out, estimate: false, onProgress })
      over(out)
      this.work.replaceChildren()
      this.done.replaceChildren(
        result({ chosen, found, planned, report }, () => this.settings(chosen, found)),
      )
      goTo(this.done)
    } catch (error) {
      this.stopped(error, chosen, found)
    } finally {
      progress.end()
      this.lock(false)
      await this.look()
    }
  }

  /** While a run goes on, no other model is chosen and nothing is removed. */
  private lock(isOn: boolean): void {
    for (const place of [this.model, this.list.element]) place.inert = isOn
    document.body.classList.toggle('working', isOn)
  }

  /** Nothing is lost: the settings come back, and the start goes on where the run ended. */
  private stopped(error: unknown, chosen: Chosen, found: Inspection): void {
    const isCancelled = error instanceof KerfError && error.code === 'CANCELLED'
    this.work.replaceChildren(
      isCancelled
        ? el('p', { class: 'note', role: 'status' }, 'Stopped. What is done is kept.')
        : failure(error),
    )
    void this.look().then(() => {
      this.settings(chosen, found)
      goTo(this.size)
    })
  }
}
