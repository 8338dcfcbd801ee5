// A small server of files: every page is there twice, under /isolated/ with the headers for shared memory and under /plain/ without.
import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}

const ISOLATED = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/** A request as tests see it. */
export interface Seen {
  path: string
  range: string | undefined
}

/** A running server. */
export interface Site {
  url: string
  /** All requests, in order. */
  seen: Seen[]
  /** Answers requests for this path some other way; `undefined` ends that. */
  instead: Map<string, (request: IncomingMessage, response: ServerResponse) => void>
  close: () => Promise<void>
}

/** Serves folders under their names; what is no file gets 404. */
export async function serve(folders: Readonly<Record<string, string>>): Promise<Site> {
  const seen: Seen[] = []
  const instead: Site['instead'] = new Map()
  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '/').split('?', 1)[0] ?? '')
    seen.push({ path, range: request.headers.range })
    const other = instead.get(path)
    if (other) return other(request, response)
    const [, mode = '', folder = '', ...rest] = path.split('/')
    const root = folders[folder]
    const file = root === undefined ? undefined : join(root, normalize(rest.join('/')))
    if (file === undefined || !existsSync(file) || !statSync(file).isFile())
      return void response.writeHead(404).end()
    send(request, response, file, mode === 'isolated' ? ISOLATED : {})
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://localhost:${port}`, seen, instead, close: () => closed(server) }
}

/** A file, or the part that is asked for. */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  file: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const { size, mtimeMs } = statSync(file)
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  const from = Number(range?.[1] ?? 0)
  const to = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1
  response.writeHead(range ? 206 : 200, {
    ...headers,
    'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
    'Content-Length': to - from + 1,
    ETag: `"${size}-${mtimeMs}"`,
    'Cache-Control': 'no-store',
    ...(range && { 'Content-Range': `bytes ${from}-${to}/${size}` }),
  })
  if (request.method === 'HEAD') return void response.end()
  createReadStream(file, { start: from, end: to }).pipe(response)
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise(resolve => server.close(() => resolve()))
}
