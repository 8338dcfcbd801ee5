// Calls of the core, driven step by step: several take turns.
import type { ErrorData } from '../../../errors.js'
import type { ProgressEvent } from '../../../generated/index.js'
import { within } from '../../../overall.js'
import type { Answer } from '../../backend.js'
import { failed, type FromWorker, type Mount, type Setup } from '../protocol.js'
import { CallFiles } from './call-files.js'
import { loadCore, type Call, type Core } from './core.js'
import { Failure, toData } from './failure.js'
import { mountAll } from './mounting.js'
import type { Pool } from './pool.js'
import type { AskPage } from './staging.js'
import type { Storage } from './storage.js'

/** Functions that read headers only. */
const HEADERS_ONLY = ['inspect', 'plan']
/** Share of a call that copying a model takes, where one is copied. */
const COPYING = 0.2

/** A call as the page asked for it. */
export interface Request {
  id: number
  command: string
  requestJson: string
  mounts: Mount[]
  /** Not 0 once the call is cancelled, where memory may be shared. */
  stop?: Int32Array
}

/** All calls of a worker. */
export class Calls {
  private core: Promise<Core> | undefined
  private readonly running = new Map<number, AbortController>()

  constructor(
    private readonly setup: Setup,
    private readonly storage: Storage,
    private readonly ask: AskPage,
    private readonly post: (message: FromWorker, transfer?: Transferable[]) => void,
  ) {}

  /** Runs a call and posts its answer. */
  async start(request: Request): Promise<void> {
    const stop = new AbortController()
    this.running.set(request.id, stop)
    try {
      const answer = await this.storage.use(pool => this.run(request, pool, stop.signal))
      const buffers = Object.values(answer.arrays).map(({ buffer }) => buffer)
      this.post({ kind: 'answer', id: request.id, answer }, buffers)
    } catch (error) {
      const data = stop.signal.aborted ? cancelled() : toData(error, 'the files of kerf')
      this.post({ kind: 'answer', id: request.id, answer: failed(data) })
    } finally {
      this.running.delete(request.id)
    }
  }

  /** Asks a call to stop before its next step. */
  cancel(id: number): void {
    this.running.get(id)?.abort()
  }

  private async run(request: Request, pool: Pool, signal: AbortSignal): Promise<Answer> {
    const { id, command, requestJson, mounts, stop } = request
    const post = (eventJson: string): void => this.post({ kind: 'event', id, eventJson })
    // What is copied first is a part of the call.
    let begun = 0
    const core = await this.loaded()
    const sources = await mountAll(mounts, {
      pool,
      signal,
      session: this.setup.session,
      ask: this.ask,
      headersOnly: HEADERS_ONLY.includes(command),
      onEvent: (event: ProgressEvent) => {
        begun = COPYING
        post(JSON.stringify(within(event, 0, begun)))
      },
    })
    signal.throwIfAborted()
    const files = new CallFiles(pool, sources)
    const call: Call = new core.Call(command, requestJson, files, eventJson => {
      // In the middle of a step no message arrives, but shared memory can be looked at.
      if (stop && Atomics.load(stop, 0) !== 0) call.cancel()
      post(begun === 0 ? eventJson : JSON.stringify(within(JSON.parse(eventJson) as ProgressEvent, begun, 1)))
    })
    const answer = await this.drive(call, core, pool, signal)
    call.free()
    return answer
  }

  private async drive(call: Call, core: Core, pool: Pool, signal: AbortSignal): Promise<Answer> {
    let asked = false
    while (true) {
      await pool.grow()
      await others()
      if (signal.aborted && !asked) {
        asked = true
        call.cancel()
      }
      const answer = this.step(call, core)
      if (answer !== undefined) return answer
    }
  }

  /** What leaves a step as an exception is a trap: the core's memory may be in any state then. */
  private step(call: Call, core: Core): Answer | undefined {
    try {
      return call.step()
    } catch (error) {
      const data = crash(core, error)
      this.post({ kind: 'crashed', error: data })
      throw new Failure(data)
    }
  }

  private loaded(): Promise<Core> {
    this.core ??= loadCore(this.setup.assets, this.setup.threads)
    this.core.catch(() => (this.core = undefined))
    return this.core
  }
}

/** Lets messages in, and other calls take their steps. */
function others(): Promise<void> {
  return new Promise(resolve => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}

function cancelled(): ErrorData {
  return { code: 'CANCELLED', message: 'cancelled; the same call goes on from here', details: {} }
}

function crash(core: Core, error: unknown): ErrorData {
  const known = core.failure()
  if (known !== undefined) return (JSON.parse(known) as { error: ErrorData }).error
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return {
    code: 'INTERNAL',
    message: `kerf failed inside (${reason}); please report this`,
    details: { reason },
  }
}
