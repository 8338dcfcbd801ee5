/** Sooner than this a rate says nothing. */
const LEAST_MS = 1000
/** A step of so much of the whole, so many times as fast as all before, was done by an earlier run. */
const JUMP = 0.05
const JUMP_RATE = 5

/** How long work takes, from the share of it that is done: time left is guessed from the rate so far. */
export class Pace {
  private readonly startedMs: number
  private first: { ms: number; share: number } | undefined
  private last: { ms: number; share: number }

  /** `now` is a clock in milliseconds. */
  constructor(private readonly now: () => number = () => performance.now()) {
    this.startedMs = now()
    this.last = { ms: this.startedMs, share: 0 }
  }

  /** Takes in the share that is done, 0 to 1. */
  take(share: number): void {
    const ms = this.now()
    this.first ??= { ms: this.startedMs, share: 0 }
    // What was there already says nothing about the speed of this run.
    if (this.isJump(share - this.last.share, ms)) this.first.share += share - this.last.share
    this.last = { ms, share }
  }

  private isJump(step: number, ms: number): boolean {
    const passed = ms - this.last.ms
    const before = this.last.ms - this.startedMs
    const progressed = this.last.share - (this.first?.share ?? 0)
    if (step <= JUMP) return false
    if (progressed <= 0) return passed < LEAST_MS
    return step * before > JUMP_RATE * progressed * passed
  }

  /** Share that is done. */
  get share(): number {
    return this.last.share
  }

  /** Seconds since the start. */
  get elapsed(): number {
    return (this.now() - this.startedMs) / 1000
  }

  /** Seconds that are left, once they can be guessed. */
  get left(): number | undefined {
    if (!this.first) return undefined
    const { ms, share } = this.last
    const progressed = share - this.first.share
    if (ms - this.first.ms < LEAST_MS || progressed <= 0) return undefined
    const leftMs = ((ms - this.first.ms) * (1 - share)) / progressed
    return Math.max(0, leftMs - (this.now() - ms)) / 1000
  }
}
