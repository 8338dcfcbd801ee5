import type { ProgressEvent, Stage } from '../browser.js'
import { bytes, duration, integer } from '../format.js'
import { button, el, section } from './dom.js'
import { Stages, type Row } from './stages.js'

/** What happens in a stage, in plain words. */
const WORDS: Record<Stage, string> = {
  download: 'Downloading the model',
  copy: 'Copying the model',
  plan: 'Planning',
  calibrate: 'Reading the text',
  survey: 'Looking at what each matrix costs',
  search: 'Searching how to share the size',
  statistics: 'Watching what goes into each matrix',
  solve: 'Shrinking the matrices',
  forward: 'Passing the text on',
  write: 'Writing the files',
  evaluate: 'Measuring',
  generate: 'Writing text',
}

/** How often a screen reader is told something, if no stage begins or ends. */
const SPOKEN_MS = 10_000

/** How a run goes on. */
export class Progress {
  readonly element: HTMLElement
  private readonly stages: Stages
  private readonly list = el('ul', { class: 'stages' })
  private readonly clock = el('p', { class: 'clock' })
  private readonly spoken = el('p', { class: 'hidden-words', role: 'status', 'aria-live': 'polite' })
  private readonly rows = new Map<
    Stage,
    { line: HTMLElement; bar: HTMLProgressElement; count: HTMLElement }
  >()
  private readonly timer: ReturnType<typeof setInterval>
  private spokenMs = -Infinity

  constructor(
    title: string,
    foreseenSeconds: number | undefined,
    private readonly blocks: number,
    onCancel: () => void,
  ) {
    this.stages = new Stages(foreseenSeconds)
    const cancel = button('Cancel', () => {
      cancel.disabled = true
      this.say('Stopping')
      onCancel()
    })
    this.element = section(
      'work',
      title,
      this.clock,
      this.list,
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
  take(event: ProgressEvent): void {
    const isTurn = this.stages.take(event)
    this.show(event.stage)
    if (isTurn || performance.now() - this.spokenMs > SPOKEN_MS) this.say(this.inWords())
  }

  /** No more is shown. */
  end(): void {
    clearInterval(this.timer)
  }

  private show(stage: Stage): void {
    const row = this.stages.rows.find(found => found.stage === stage)
    if (!row) return
    const shown = this.rows.get(stage) ?? this.add(stage)
    shown.bar.max = Math.max(1, row.total)
    shown.bar.value = row.done
    shown.count.textContent = counts(row)
    shown.line.classList.toggle('over', row.isOver)
  }

  private add(stage: Stage): { line: HTMLElement; bar: HTMLProgressElement; count: HTMLElement } {
    const bar = el('progress', { 'aria-label': WORDS[stage], max: 1, value: 0 })
    const count = el('span', { class: 'count' })
    const line = el('li', {}, el('span', {}, WORDS[stage]), count, bar)
    const shown = { line, bar, count }
    this.rows.set(stage, shown)
    // In the order of the work, whichever is heard of first.
    const inOrder = Object.keys(WORDS).flatMap(name => this.rows.get(name as Stage)?.line ?? [])
    const before = inOrder[inOrder.indexOf(line) - 1]
    if (before) before.after(line)
    else this.list.prepend(line)
    return shown
  }

  private tick(): void {
    this.clock.textContent = this.inTime()
  }

  private inTime(): string {
    const { elapsed, left, block } = this.stages
    const where = block !== undefined && this.blocks > 0 ? `Block ${block} of ${this.blocks} · ` : ''
    const rest = left === undefined ? 'time left not known yet' : `about ${duration(Math.max(1, left))} left`
    return `${where}${duration(elapsed)} so far, ${rest}`
  }

  private inWords(): string {
    const now = this.stages.rows.findLast(row => !row.isOver) ?? this.stages.rows.at(-1)
    return now ? `${WORDS[now.stage]}, ${counts(now)}. ${this.inTime()}` : this.inTime()
  }

  private say(text: string): void {
    this.spokenMs = performance.now()
    this.spoken.textContent = text
  }
}

function counts({ done, total, unit }: Row): string {
  if (unit === 'bytes') return `${bytes(done)} of ${bytes(total)}`
  return total <= 1 ? '' : `${integer(done)} of ${integer(total)} ${unit}`
}
