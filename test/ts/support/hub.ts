// A hub on this machine: the answers that Hugging Face's library asks for, about repositories that are folders here.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, sep } from 'node:path'

/** The commit that `main` is. */
export const COMMIT = '0123456789abcdef0123456789abcdef01234567'

/** A running hub. */
export interface Hub {
  url: string
  /** Files of which more than the first byte was fetched, in order. */
  fetched: string[]
  /** Number of requests. */
  asked: () => number
  /** What becomes of the requests for files from now on. */
  treat: (how: 'well' | 'cut' | 'slow') => void
  /** Token without which there is nothing. */
  token: string | undefined
  close: () => void
}

/** Serves `folders`, by id. */
export async function openHub(folders: Readonly<Record<string, string>>): Promise<Hub> {
  let [asked, how] = [0, 'well']
  const server = createServer((request, response) => {
    asked += 1
    const url = new URL(request.url ?? '', 'http://hub')
    const id = Object.keys(folders).find(name => url.pathname.includes(`/${name}/`))
    const folder = id === undefined ? undefined : folders[id]
    const isAllowed = hub.token === undefined || request.headers.authorization === `Bearer ${hub.token}`
    if (id === undefined || folder === undefined || !isAllowed) {
      response
        .writeHead(401, { 'content-type': 'application/json' })
        .end('{"error":"Invalid username or password."}')
      return
    }
    const [, kind, rest] = /\/(revision|tree|paths-info|resolve)\/([^?]*)/.exec(url.pathname) ?? []
    if (kind === 'revision')
      send(response, { _id: '1', id, sha: COMMIT, private: false, lastModified: '2026-01-01' })
    else if (kind === 'tree') send(response, entriesOf(folder))
    else if (kind === 'paths-info') void answerPaths(request, response, folder)
    else if (kind === 'resolve')
      sendFile(request, response, folder, (rest ?? '').split('/').slice(1).join('/'))
    else response.writeHead(404).end()
  })
  const sendFile = (
    request: IncomingMessage,
    response: ServerResponse,
    folder: string,
    path: string,
  ): void => {
    const bytes = readFileSync(join(folder, path))
    const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`
    if (request.headers.range === 'bytes=0-0') {
      response
        .writeHead(206, { etag, 'content-range': `bytes 0-0/${bytes.length}` })
        .end(bytes.subarray(0, 1))
      return
    }
    hub.fetched.push(path)
    const isWeights = path.endsWith('.safetensors')
    if (isWeights && how === 'cut') {
      // Whole as HTTP sees it, and half a file.
      response.writeHead(200, { etag }).end(bytes.subarray(0, bytes.length / 2))
    } else if (isWeights && how === 'slow') {
      response.writeHead(200, { etag, 'content-length': bytes.length }).write(bytes.subarray(0, 1000))
    } else response.writeHead(200, { etag, 'content-length': bytes.length }).end(bytes)
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const hub: Hub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fetched: [],
    asked: () => asked,
    treat: given => (how = given),
    token: undefined,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
  return hub
}

function send(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

async function answerPaths(
  request: IncomingMessage,
  response: ServerResponse,
  folder: string,
): Promise<void> {
  let body = ''
  for await (const piece of request) body += String(piece)
  const { paths } = JSON.parse(body) as { paths: string[] }
  send(
    response,
    entriesOf(folder).filter(({ path }) => paths.includes(path)),
  )
}

/** Files as the hub lists them: large ones by the digest of their content. */
function entriesOf(
  folder: string,
): { type: string; path: string; size: number; oid: string; lfs?: object }[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  return files.map(entry => {
    const whole = join(entry.parentPath, entry.name)
    const bytes = readFileSync(whole)
    const digest = (kind: string): string => createHash(kind).update(bytes).digest('hex')
    const large = /\.(safetensors|bin)$/.test(entry.name)
    return {
      type: 'file',
      path: whole
        .slice(folder.length + 1)
        .split(sep)
        .join('/'),
      size: bytes.length,
      oid: digest('sha1'),
      ...(large && { lfs: { oid: digest('sha256'), size: bytes.length, pointerSize: 130 } }),
    }
  })
}
