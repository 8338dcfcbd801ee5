// A program that ends a Worker in the middle of a call, and then has nothing to do: node terminated.mjs KERF FUNCTION MODEL OUT. Prints how
// many seconds of processor time one second takes, two seconds later.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const texts = count =>
  Array.from({ length: count }, (_, index) => `Once upon a time there were ${index} cats.`)

/** Calls that take much longer than two seconds. */
const CALLS = {
  compress: ({ compress }, model, out, onProgress) =>
    compress(model, { isa: 'portable', threads: 1, tokens: 65_536, out, onProgress }),
  evaluate: ({ evaluate }, model, _out, onProgress) =>
    evaluate(model, { text: texts(100_000).join('\n'), onProgress }),
  embed: ({ embed }, model, _out, onProgress) => embed(model, texts(200_000), { onProgress }),
}

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: process.argv.slice(2) })
  const [message] = await once(worker, 'message')
  if (message !== 'at work') throw new Error(message)
  await worker.terminate()
  await sleep(2000)
  const before = process.cpuUsage()
  await sleep(1000)
  const { user, system } = process.cpuUsage(before)
  console.log((user + system) / 1e6)
} else {
  const [kerf, name, model, out] = workerData
  const onProgress = ({ stage, done }) => {
    if (stage !== 'plan' && done > 0) parentPort.postMessage('at work')
  }
  CALLS[name](await import(kerf), model, out, onProgress).then(
    () => parentPort.postMessage('done too soon'),
    error => parentPort.postMessage(String(error)),
  )
}
