// Threads of the core. The bundle has this in the place of wasm-bindgen-rayon's helper, so that one file is all workers.
import { initSync, wbg_rayon_start_worker } from 'kerf-core/threads'

/** Name of a worker that is a thread of another. */
export const THREAD = 'kerf-thread'

interface Begin {
  module: WebAssembly.Module
  memory: WebAssembly.Memory
  receiver: number
}

/** wasm-bindgen-rayon's `PoolBuilder`. */
interface PoolBuilder {
  numThreads(): number
  receiver(): number
  build(): void
}

/** Firefox collects workers that nothing points to, even while they work (Mozilla bug 1702191). */
const threads: Worker[] = []

/** Starts the threads; the glue calls it. */
export async function startWorkers(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  builder: PoolBuilder,
): Promise<void> {
  const begin: Begin = { module, memory, receiver: builder.receiver() }
  threads.push(...(await Promise.all(Array.from({ length: builder.numThreads() }, () => startThread(begin)))))
  builder.build()
}

function startThread(begin: Begin): Promise<Worker> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(self.location.href, { type: 'module', name: THREAD })
    worker.onmessage = () => resolve(worker)
    worker.onerror = event => reject(new Error(event.message))
    worker.postMessage(begin)
  })
}

/** The life of a thread: it is there for the pool until its worker ends. */
export function beThread(): void {
  self.onmessage = ({ data }: MessageEvent<Begin>) => {
    initSync({ module: data.module, memory: data.memory })
    self.postMessage('ready')
    wbg_rayon_start_worker(data.receiver)
  }
}
