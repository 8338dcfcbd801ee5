// The work, in a process of its own: if it runs out of memory or crashes, the window stays, and the next run goes on.
//
//   in   { id, call: 'plan' | 'compress' | 'inspect', args: [model, options] }   starts a call; ids are the parent's
//        { id, cancel: true }                                         asks it to stop; unknown ids are no error, it may be over
//   out  { id, progress: { overall, stage, done, total, unit, name, label } }   at most about twenty a second
//        { id, result }  or  { id, error: { code, message, details } }   exactly one, after all progress
import { compress, inspect, KerfError, plan, STAGE_LABELS } from 'kerf'
import { openPort } from './port.js'

const CALLS = { compress, inspect, plan }
const running = new Map()
const port = openPort()

port.listen(message => {
  if (message?.cancel === true) running.get(message.id)?.abort()
  else void start(message)
})

async function start(message) {
  const { id, call, args } = Object(message)
  try {
    const work = accept(id, call, args)
    const controller = new AbortController()
    running.set(id, controller)
    try {
      port.post({ id, result: await work(controller.signal) })
    } finally {
      running.delete(id)
    }
  } catch (error) {
    port.post({ id: id ?? null, error: toData(error) })
  }
}

/** The call that a message asks for, or an error that says what is wrong with it. */
function accept(id, call, args) {
  if (!Number.isSafeInteger(id)) throw badMessage('id', 'a whole number', id)
  if (running.has(id)) throw badMessage('id', 'one that is not in use', id)
  if (!Object.hasOwn(CALLS, call)) throw badMessage('call', `one of ${Object.keys(CALLS).join(', ')}`, call)
  if (!Array.isArray(args)) throw badMessage('args', 'a list', args)
  const [model, options] = args
  const onProgress = progress =>
    port.post({ id, progress: { ...progress, label: STAGE_LABELS[progress.stage] } })
  return signal => CALLS[call](model, { ...options, signal, onProgress })
}

function badMessage(field, expected, value) {
  const message = `message to the worker: ${field} must be ${expected}, not ${JSON.stringify(value)}`
  return new KerfError({ code: 'BAD_REQUEST', message, details: { field, expected } })
}

/** An Error loses its fields on the way to another process; these survive. */
function toData(error) {
  if (error instanceof KerfError) return error.toJSON()
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), details: {} }
}
