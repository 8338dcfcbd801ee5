// Text that is written meanwhile, as an async iterable.
import type { RunOptions } from './call.js'
import type { GenerateOptions } from './generate.js'

type Options = GenerateOptions & RunOptions

/**
 * The pieces of a text in order, none left out. A loop that is left early (`break`, `return`, a throw) cancels the work, and so does the
 * signal of the options; the loop throws what the work throws.
 */
export async function* streamed(
  { onToken, signal, ...options }: Options,
  work: (options: Options) => Promise<unknown>,
): AsyncGenerator<string, void> {
  const stop = new AbortController()
  const abort = (): void => stop.abort(signal?.reason)
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort, { once: true })
  let [pieces, over]: [string[], boolean] = [[], false]
  let wake: () => void = () => undefined
  const take = (piece: string): void => {
    onToken?.(piece)
    pieces.push(piece)
    wake()
  }
  const end = (): void => {
    over = true
    wake()
  }
  const result = work({ ...options, signal: stop.signal, onToken: take })
  result.then(end, end)
  try {
    while (!over || pieces.length > 0) {
      const taken = pieces
      pieces = []
      yield* taken
      if (!over && pieces.length === 0) await new Promise<void>(resolve => (wake = resolve))
    }
    await result
  } finally {
    signal?.removeEventListener('abort', abort)
    stop.abort(new Error('the loop over the text was left'))
  }
}
