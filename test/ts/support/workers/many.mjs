// A program that ends Workers at any moment of their calls: node many.mjs KERF MODEL. Then its own end comes in the middle of one.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, Worker, workerData } from 'node:worker_threads'

async function calls([kerf, model]) {
  const { embed, evaluate, generate } = await import(kerf)
  const texts = Array.from({ length: 2000 }, (_, index) => `once there were ${index} cats`)
  for (;;) {
    await Promise.all([
      embed(model, texts, { onProgress: () => undefined }),
      generate(model, 'Once', { maxTokens: 200, onToken: () => undefined }),
      evaluate(model, { text: texts.join('\n'), onProgress: () => undefined }),
    ])
  }
}

if (isMainThread) {
  const given = process.argv.slice(2)
  for (let count = 0; count < 24; count += 1) {
    const worker = new Worker(new URL(import.meta.url), { workerData: given })
    await once(worker, 'online')
    await sleep(10 + count * 20)
    await worker.terminate()
  }
  void calls(given)
  await sleep(500)
  console.log('all ended')
  process.exit(0)
} else {
  await calls(workerData)
}
