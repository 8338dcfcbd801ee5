// Workers of the module with threads under Node: what wasm-bindgen-rayon's starter does in a browser.
import { Worker, isMainThread, workerData } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'

// The glue imports this file, so this file must not wait for the glue.
if (!isMainThread && workerData?.receiver !== undefined) void work(workerData)

async function work({ module, memory, receiver, glue, ready }) {
  const wasm = await import(glue)
  wasm.initSync({ module, memory })
  Atomics.add(ready, 0, 1)
  Atomics.notify(ready, 0)
  wasm.wbg_rayon_start_worker(receiver)
}

export async function startWorkers(module, memory, builder) {
  const ready = new Int32Array(new SharedArrayBuffer(4))
  const workerData = { module, memory, receiver: builder.receiver(), ready, ...globalThis.kerfTestGlue }
  const wanted = builder.numThreads()
  for (let i = 0; i < wanted; i += 1) {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData, execArgv: [] })
    // What breaks a worker is heard by the thread that waits for it.
    worker.on('error', () => undefined).unref()
  }
  for (let seen = 0; seen < wanted; seen = Atomics.load(ready, 0)) {
    await Atomics.waitAsync(ready, 0, seen).value
  }
  builder.build()
}
