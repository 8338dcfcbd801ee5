// Files on a server.
import { io, notFound } from './failure.js'

/** What a server says of a file. */
export interface Remote {
  url: string
  /** Bytes; `undefined` if it does not say, or sends them packed. */
  size: number | undefined
  /** Whether it answers requests for a part. */
  ranges: boolean
  /** Changes when the file does; `undefined` if the server does not say. */
  validator: string | undefined
  /** Whether it is a page, which a server may send for whatever it does not have. */
  isPage: boolean
}

/** Asks for one byte. `undefined` if there is no such file; `IO` for any other refusal. */
export async function probe(url: string, signal: AbortSignal): Promise<Remote | undefined> {
  const response = await request(url, { headers: { Range: 'bytes=0-0' }, signal })
  await response.body?.cancel()
  const { status, headers } = response
  if (status === 404 || status === 410) return undefined
  if (status === 416) return { ...described(url, headers), size: 0, ranges: false }
  if (!response.ok) throw io(url, `the server answered ${status}`, 'Http')
  const remote = described(url, headers)
  if (status !== 206) return { ...remote, size: plainLength(headers), ranges: false }
  const total = /\/(\d+)$/.exec(headers.get('Content-Range') ?? '')?.[1]
  // Scripts of another origin see Content-Range only if the server lets them.
  const size = total === undefined ? await sizeByHead(url, signal) : Number(total)
  return { ...remote, size, ranges: true }
}

/** The bytes of a file from `offset` on, as they come. */
export async function* download(
  url: string,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const headers: HeadersInit = offset > 0 ? { Range: `bytes=${offset}-` } : {}
  const response = await request(url, { headers, signal })
  if (response.status === 404 || response.status === 410) throw notFound(url)
  if (response.status !== (offset > 0 ? 206 : 200))
    throw io(url, `the server answered ${response.status}`, 'Http')
  const reader = response.body?.getReader()
  try {
    while (reader) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } catch (error) {
    throw signal.aborted ? error : io(url, `the connection broke off: ${(error as Error).message}`, 'Network')
  } finally {
    await reader?.cancel().catch(() => undefined)
  }
}

/** A small file as a whole; `undefined` if there is none, or a page came in its place. */
export async function small(url: string, signal: AbortSignal): Promise<Blob | undefined> {
  const response = await request(url, { signal })
  if (response.status === 404 || response.status === 410 || isPage(response.headers)) {
    await response.body?.cancel()
    return undefined
  }
  if (!response.ok) throw io(url, `the server answered ${response.status}`, 'Http')
  return response.blob()
}

async function request(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    if (init.signal?.aborted) throw error
    const reason = `it cannot be fetched (${(error as Error).message}): no network, or the server does not let other sites read it`
    throw io(url, reason, 'Network')
  }
}

async function sizeByHead(url: string, signal: AbortSignal): Promise<number | undefined> {
  const response = await request(url, { method: 'HEAD', signal })
  return response.ok ? plainLength(response.headers) : undefined
}

function described(url: string, headers: Headers): Pick<Remote, 'url' | 'validator' | 'isPage'> {
  const validator = headers.get('ETag') ?? headers.get('Last-Modified') ?? undefined
  return { url, validator, isPage: isPage(headers) }
}

function plainLength(headers: Headers): number | undefined {
  const length = headers.get('Content-Length')
  return length === null || headers.has('Content-Encoding') ? undefined : Number(length)
}

function isPage(headers: Headers): boolean {
  return headers.get('Content-Type')?.startsWith('text/html') ?? false
}
