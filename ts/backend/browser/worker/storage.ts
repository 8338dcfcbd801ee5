// The pool while it is needed: open as long as something runs and a moment longer, so that other tabs get their turn.
import { Failure, toData } from './failure.js'
import { Pool } from './pool.js'
import { slotFolder } from './slots.js'

/** How long a call waits for another tab, or for a worker that has just been ended. */
const PATIENCE_MS = 5000
/** How long the pool stays open for the next call. */
const LINGER_MS = 2000

/** Copies of sources, which are no results: under this folder those of addresses, and those of each session. */
export const STAGED = '.staged'
export const STAGED_URLS = `${STAGED}/url`

interface Open {
  pool: Pool
  unlock: () => void
}

/** The files of one folder of the origin private file system. */
export class Storage {
  private open: Promise<Open> | undefined
  private users = 0
  private closing: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly folder: string,
    private readonly session: string,
  ) {}

  /** Runs `body` with the pool. Throws `STORAGE_UNAVAILABLE` or `STORAGE_BUSY`. */
  async use<R>(body: (pool: Pool) => Promise<R>): Promise<R> {
    this.users += 1
    clearTimeout(this.closing)
    try {
      this.open ??= this.openPool()
      const { pool } = await this.open.catch((error: unknown) => {
        this.open = undefined
        throw error
      })
      return await body(pool)
    } finally {
      this.users -= 1
      if (this.users === 0) this.closing = setTimeout(() => void this.close(), LINGER_MS)
    }
  }

  private async close(): Promise<void> {
    const open = this.open
    this.open = undefined
    const { pool, unlock } = (await open?.catch(() => undefined)) ?? {}
    pool?.close()
    unlock?.()
  }

  private async openPool(): Promise<Open> {
    const unlock = await lock(`kerf:${this.folder}`)
    try {
      const root = await navigator.storage.getDirectory()
      const directory = await root.getDirectoryHandle(this.folder, { create: true })
      const pool = await Pool.open(slotFolder(directory))
      this.dropOldCopies(pool)
      return { pool, unlock }
    } catch (error) {
      unlock()
      throw unavailable(error)
    }
  }

  /** What other sessions had staged is of no use to anybody: their sources were objects of a page. */
  private dropOldCopies(pool: Pool): void {
    const sessions = new Set(pool.list(STAGED).map(path => path.split('/', 1)[0] ?? ''))
    for (const session of sessions) {
      if (session !== 'url' && session !== this.session) pool.remove(`${STAGED}/${session}`)
    }
  }
}

/** Resolves to what gives the lock back. Another tab has it while it works. */
function lock(name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    const held = navigator.locks.request(name, { signal }, () => new Promise<void>(unlock => resolve(unlock)))
    held.catch((error: unknown) => reject(signal.aborted ? busy() : unavailable(error)))
  })
}

function busy(): Failure {
  const message = 'another tab of this site is working with kerf; wait for it, or close it'
  return new Failure({ code: 'STORAGE_BUSY', message, details: {} })
}

function unavailable(error: unknown): Failure {
  const { name, message } = error as Error
  if (error instanceof Failure) return error
  if (name === 'QuotaExceededError') return new Failure(toData(error, 'the files of kerf'))
  if (name === 'NoModificationAllowedError') return busy()
  const reason = `${name}: ${message}`
  const text =
    `the origin private file system is not available here (${reason}); ` +
    'kerf needs it: a page over HTTPS or from localhost, and no private window'
  return new Failure({ code: 'STORAGE_UNAVAILABLE', message: text, details: { reason } })
}
