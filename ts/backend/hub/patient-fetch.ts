/** Longest wait for the first byte of an answer. */
const PATIENCE_MS = 10_000

/** How a download is followed and stopped. */
export interface Watch {
  /** Aborting it ends all requests. */
  signal: AbortSignal
  /** Gets the length of each piece of a body. */
  onBytes: (bytes: number) => void
}

/** `fetch` that gives up on a host that does not answer, ends with the signal and counts what comes. */
export function patientFetch({ signal, onBytes }: Watch): typeof fetch {
  return async (input, init) => {
    const late = new AbortController()
    const timer = setTimeout(
      () => late.abort(new Error(`no answer within ${PATIENCE_MS / 1000} seconds`)),
      PATIENCE_MS,
    )
    try {
      return counted(await fetch(input, { ...init, signal: AbortSignal.any([signal, late.signal]) }), onBytes)
    } finally {
      clearTimeout(timer)
    }
  }
}

/** The same response, address included, whose body tells its pieces. */
function counted(response: Response, onBytes: (bytes: number) => void): Response {
  if (!response.body) return response
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      onBytes(piece.length)
      controller.enqueue(piece)
    },
  })
  const { status, statusText, headers, url } = response
  const watched = new Response(response.body.pipeThrough(counter), { status, statusText, headers })
  return Object.defineProperty(watched, 'url', { value: url })
}
