// A server for the files of the page: only what is in its folder, with the headers that shared memory asks for.
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, relative, sep } from 'node:path'
import { KerfError } from '../errors.js'
import { refused } from './listening.js'

/** What is served, and where. */
export interface Serving {
  folder: string
  host: string
  port: number
}

/** A running server. */
export interface Served {
  url: string
  close: () => Promise<void>
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
}

const HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  // The service worker keeps the files; what is asked for here should be of this version.
  'Cache-Control': 'no-cache',
}

/** Serves a folder. Throws `NOT_FOUND` if it has no page, and `BAD_OPTION` if the port or the host cannot be had. */
export async function servePage({ folder, host, port }: Serving): Promise<Served> {
  const files = await filesOf(folder)
  const server = createServer((request, response) => void answer(files, request, response))
  await listen(server, host, port)
  const { port: taken } = server.address() as AddressInfo
  // Browsers trust localhost with what else takes HTTPS.
  const name = host === '127.0.0.1' ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return { url: `http://${name}:${taken}/`, close: () => close(server) }
}

/** Files by the path of their address. */
async function filesOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = new Map<string, string>()
  for (const entry of entries) {
    const file = join(entry.parentPath, entry.name)
    if (entry.isFile()) files.set(`/${relative(folder, file).split(sep).join('/')}`, file)
  }
  const index = files.get('/index.html')
  if (index !== undefined) return files.set('/', index)
  const message = `${folder} has no index.html: the page in it is not whole, build or install it again`
  throw new KerfError({ code: 'NOT_FOUND', message, details: { path: folder } })
}

async function answer(
  files: ReadonlyMap<string, string>,
  { method, url = '/' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    return void response.writeHead(405, { ...HEADERS, Allow: 'GET, HEAD' }).end()
  }
  const file = files.get(url.split('?', 1)[0] ?? '')
  const found = file === undefined ? undefined : await stat(file).catch(() => undefined)
  if (file === undefined || !found) return void response.writeHead(404, HEADERS).end('not found\n')
  response.writeHead(200, {
    ...HEADERS,
    'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
    'Content-Length': found.size,
  })
  if (method === 'HEAD') return void response.end()
  createReadStream(file)
    .on('error', () => response.destroy())
    .pipe(response)
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(refused(error, host, port)))
    server.listen(port, host, resolve)
  })
}

function close(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise(resolve => server.close(() => resolve()))
}
