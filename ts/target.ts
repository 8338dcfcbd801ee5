import { backend } from './backend/backend.js'
import type { RunOptions } from './call.js'
import { partOf } from './overall.js'
import type { Model, Target } from './source.js'

/** Share of the work after which a result is on its way to what is no path. */
const DELIVERY_BEGINS = 0.9

/**
 * Work that writes a folder, for every kind of target: what is no path gets the result when it is whole, and the result then
 * says what it is called there.
 */
export async function withTarget<R extends { out: string }>(
  model: Model,
  { out, force }: { out: string | Target | undefined; force: boolean | undefined },
  run: RunOptions,
  work: (out: string | undefined, run: RunOptions) => Promise<R>,
): Promise<R> {
  if (out === undefined || typeof out === 'string') return work(out, partOf(run, 0, 1))
  const delivery = backend().deliver?.(out, model)
  if (!delivery) throw new Error('kerf: no backend for this target')
  await delivery.prepare(force === true)
  const result = await work(delivery.path, partOf(run, 0, DELIVERY_BEGINS))
  const { onProgress } = partOf(run, DELIVERY_BEGINS, 1)
  return { ...result, out: await delivery.deliver(event => onProgress?.(event)) }
}
