import { backend } from './backend/backend.js'
import { abortSignal, callback, type Rules } from './check.js'
import { KerfError, type ErrorData } from './errors.js'
import { inPublicNames } from './public-names.js'
import type { ProgressEvent } from './generated/index.js'
import { cancelledBefore, Held } from './held.js'

/** What every function takes besides its own options: how to follow the work, and how to stop it. */
export interface RunOptions {
  /** Called while the work goes on, at most about twenty times a second. If it throws, the work is cancelled. */
  onProgress?: (event: ProgressEvent) => void
  /** Aborting it cancels the work; the promise then rejects with code `CANCELLED` and the signal's reason as `cause`. */
  signal?: AbortSignal
}

/** Rules of {@link RunOptions}. */
export const runRules: Rules = { onProgress: callback, signal: abortSignal }

type Envelope<R> = { ok: R } | { error: ErrorData }

/**
 * Calls a function of the core with checked parameters; on an open model, when the calls before it have ended. Arrays of numbers of the
 * response are typed arrays.
 */
export async function call<R extends object>(command: string, request: object, run: RunOptions): Promise<R> {
  const { model } = request as { model?: unknown }
  const work = (): Promise<R> => started<R>(command, request, run)
  return model instanceof Held ? model.turn(run.signal, work) : work()
}

async function started<R extends object>(command: string, request: object, run: RunOptions): Promise<R> {
  const { onProgress, signal } = run
  if (signal?.aborted) throw cancelledBefore(signal)
  let failure: { error: unknown } | undefined
  const running = backend().start(command, request, event => {
    if (failure) return
    try {
      onProgress?.(event)
    } catch (error) {
      failure = { error }
      running.cancel()
    }
  })
  signal?.addEventListener('abort', running.cancel, { once: true })
  try {
    const { json, arrays } = await running.answer
    const envelope = JSON.parse(json) as Envelope<R>
    if (failure) throw failure.error
    if ('ok' in envelope) return Object.assign(envelope.ok, arrays)
    throw toError(envelope.error, signal)
  } finally {
    signal?.removeEventListener('abort', running.cancel)
  }
}

function toError(given: ErrorData, signal: AbortSignal | undefined): KerfError {
  const data = inPublicNames({ ...given, details: given.details ?? {} })
  return new KerfError(data, data.code === 'CANCELLED' ? { cause: signal?.reason } : undefined)
}
