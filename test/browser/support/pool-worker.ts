// The pool by itself in a worker: runs what a test sends, and answers with what came of it.
import { Pool } from '../../../ts/backend/browser/worker/pool.js'
import { slotFolder } from '../../../ts/backend/browser/worker/slots.js'

type Operation = [name: string, ...args: (string | number)[]]

let pool: Pool | undefined

self.onmessage = ({ data }: MessageEvent<Operation[]>) => {
  void (async () => {
    const results: unknown[] = []
    for (const [name, ...args] of data)
      results.push(await run(name, args).catch((error: Error) => `${error.name}`))
    self.postMessage(results)
  })()
}

async function run(name: string, args: (string | number)[]): Promise<unknown> {
  const [path = '', second = 0] = args as [string, string | number]
  if (name === 'open') {
    const root = await navigator.storage.getDirectory()
    pool = await Pool.open(slotFolder(await root.getDirectoryHandle(path, { create: true })))
    return pool.grow(second as number)
  }
  if (!pool) throw new Error('the pool is not open')
  switch (name) {
    case 'write':
      pool.create(path)
      return pool.write(path, 0, new TextEncoder().encode(second as string))
    case 'read': {
      const bytes = new Uint8Array(Math.max(0, pool.size(path)))
      pool.read(path, 0, bytes)
      return new TextDecoder().decode(bytes)
    }
    case 'grow':
      return pool.grow(second as number)
    case 'rename':
      return pool.rename(path, second as string)
    case 'remove':
      return pool.remove(path)
    case 'size':
      return pool.size(path)
    case 'list':
      return pool.list(path)
    case 'close':
      return pool.close()
    default:
      throw new Error(`no operation ${name}`)
  }
}
