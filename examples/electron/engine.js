// The parent's side of worker.js: calls with ids, one worker at a time, and what happens when it dies.

/** An error of the worker with the fields that it had there. */
export class EngineError extends Error {
  constructor({ code, message, details }) {
    super(message)
    this.name = 'EngineError'
    this.code = code
    this.details = details
  }

  /** What may cross to the window. */
  toJSON() {
    return { code: this.code, message: this.message, details: this.details }
  }
}

/**
 * Runs calls in a worker that starts with the first one, and again after a crash. `launch` starts a process and returns
 * `{ post(message), onMessage(hear), onExit(hear), kill() }`: Electron's utilityProcess in main.js, Node's fork in the tests.
 */
export function createEngine(launch) {
  const calls = new Map()
  let worker
  let lastId = 0

  function currentWorker() {
    if (worker) return worker
    const started = launch()
    worker = started
    started.onMessage(hear)
    started.onExit(reason => {
      if (worker === started) worker = undefined
      for (const id of [...calls.keys()]) settle(id, ({ reject }) => reject(crashed(reason)))
    })
    return started
  }

  function hear({ id, progress, result, error }) {
    if (progress) calls.get(id)?.onProgress?.(progress)
    else if (error) settle(id, ({ reject }) => reject(new EngineError(error)))
    else settle(id, ({ resolve }) => resolve(result))
  }

  function settle(id, how) {
    const call = calls.get(id)
    calls.delete(id)
    if (call) how(call)
  }

  return {
    /** Starts a call: `{ done, cancel }`. `done` rejects with an EngineError. */
    start(call, args, onProgress) {
      const id = (lastId += 1)
      const done = new Promise((resolve, reject) => calls.set(id, { resolve, reject, onProgress }))
      currentWorker().post({ id, call, args })
      return { done, cancel: () => calls.has(id) && currentWorker().post({ id, cancel: true }) }
    },
    /** Ends the worker. What it had done stays in the work folder. */
    close: () => worker?.kill(),
  }
}

function crashed(reason) {
  const message =
    `the process that compresses has ended (${reason}); what it had done is kept: start again to go on there` +
    ', with a memory limit if this machine ran out of memory'
  return new EngineError({ code: 'WORKER_ENDED', message, details: { reason } })
}
