// A program whose main thread never loads kerf: node one-after-the-other.mjs KERF. Each Worker loads it, asks something and ends.
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

if (isMainThread) {
  for (let count = 0; count < 3; count += 1) {
    const worker = new Worker(new URL(import.meta.url), { workerData: process.argv[2] })
    const [isa] = await once(worker, 'message')
    const [code] = await once(worker, 'exit')
    console.log(isa, code)
  }
} else {
  const { isa } = await import(workerData)
  parentPort.postMessage(isa())
}
