// How far a run is, from its events.
import type { ProgressEvent, Stage } from '../browser.js'

/** A stage with its latest event. */
export interface Row {
  stage: Stage
  done: number
  total: number
  unit: string
  name: string
  isOver: boolean
}

interface Timed extends Row {
  startedMs: number
  firstDone: number
}

/** Stages in which the time goes, in the order of preference: the first that is under way tells how much is left. */
const LEADING: readonly Stage[] = ['solve', 'statistics', 'survey']
/** Sooner than this a rate says nothing. */
const LEAST_MS = 1500

/** All stages of a run. */
export class Stages {
  private readonly stages = new Map<Stage, Timed>()
  private readonly startedMs: number

  /** `foreseenSeconds` is what the plan said; `now` is the clock. */
  constructor(
    private readonly foreseenSeconds: number | undefined,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.startedMs = now()
  }

  /** Takes an event in, and says whether its stage is new or just over. */
  take({ stage, done, total, unit, name }: ProgressEvent): boolean {
    const known = this.stages.get(stage)
    const isOver = total > 0 && done >= total
    this.stages.set(stage, {
      stage,
      done,
      total,
      unit,
      name,
      isOver,
      startedMs: known?.startedMs ?? this.now(),
      firstDone: known?.firstDone ?? done,
    })
    return known === undefined || known.isOver !== isOver
  }

  /** Stages in the order in which they began. */
  get rows(): readonly Row[] {
    return [...this.stages.values()]
  }

  /** Seconds since the start. */
  get elapsed(): number {
    return (this.now() - this.startedMs) / 1000
  }

  /** Seconds that are left, as far as can be told. */
  get left(): number | undefined {
    for (const stage of LEADING) {
      const timed = this.stages.get(stage)
      if (!timed || timed.isOver) continue
      const passed = this.now() - timed.startedMs
      const done = timed.done - timed.firstDone
      if (done > 0 && passed >= LEAST_MS) return ((passed / 1000) * (timed.total - timed.done)) / done
    }
    if (this.foreseenSeconds === undefined || this.elapsed >= this.foreseenSeconds) return undefined
    return this.foreseenSeconds - this.elapsed
  }

  /** The block that is being worked on, from 1; `undefined` before the first and without blocks. */
  get block(): number | undefined {
    const name = this.stages.get('solve')?.name ?? this.stages.get('survey')?.name ?? ''
    const found = /(?:^|[. ])(\d+)(?:[. ]|$)/.exec(name)
    return found ? Number(found[1]) + 1 : undefined
  }
}
