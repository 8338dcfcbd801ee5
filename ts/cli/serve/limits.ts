// How much a client may ask for, and how many may wait.
import type { RunOptions } from '../../call.js'
import { Refusal } from './refusal.js'

/** Limits of a server. */
export interface Limits {
  /** Bytes of a request. */
  maxBody: number
  /** Tokens of an answer. */
  maxTokens: number
  /** Texts of one request for embeddings. */
  maxTexts: number
  /** Requests that may wait while another is answered. */
  queue: number
  /** What every call of the core gets. */
  run: RunOptions & { threads?: number; maxMemory?: string }
}

/** Counts requests from their begin to their end; refuses one more than may wait. */
export class Waiting {
  private count = 0

  constructor(private readonly most: number) {}

  /** Counts one more that goes on after its work has answered, until the function is called. */
  hold(): () => void {
    this.count += 1
    return () => (this.count -= 1)
  }

  /** Does the work, unless too many wait. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.count > this.most) {
      throw new Refusal(429, 'queue_full', `${this.count} requests are here already; try again later`)
    }
    this.count += 1
    try {
      return await work()
    } finally {
      this.count -= 1
    }
  }
}
