// `kerf page`: what it serves, how it ends, and what it says when it cannot begin.
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, sep } from 'node:path'
import type { ChildProcess } from 'node:child_process'
import { brotliCompressSync, constants } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonError, kerf, type Ended } from './support/cli.js'
import { temporaryFolder } from './support/folders.js'
import { root } from './support/models.js'
import { runNode } from './support/node.js'

const page = join(root, 'dist', 'page')
const isBuilt = existsSync(join(page, 'index.html'))
const ISOLATED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
}

describe.skipIf(!isBuilt)('kerf page', () => {
  let child: ChildProcess
  let ended: Promise<Ended>
  let url = ''

  beforeAll(async () => {
    const started = new Promise<ChildProcess>(resolve => {
      ended = kerf(['page', '--port', '0', '--json'], undefined, {}, resolve)
    })
    child = await started
    if (!child.stdout) throw new Error('no output')
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    url = (JSON.parse(line.toString()) as { url: string }).url
  })
  afterAll(() => child.kill())

  it('serves the page with the headers that shared memory asks for', async () => {
    const response = await fetch(url)
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      ...ISOLATED,
      'content-type': 'text/html; charset=utf-8',
    })
    expect(await response.text()).toContain('<main id="app">')
  })

  it.each([
    ['main.js', 'text/javascript; charset=utf-8'],
    ['worker.js', 'text/javascript; charset=utf-8'],
    ['page.css', 'text/css; charset=utf-8'],
    ['manifest.webmanifest', 'application/manifest+json'],
    ['wasm/threads/kerf_wasm_bg.wasm', 'application/wasm'],
  ])('serves %s as %s, whole', async (file, type) => {
    const response = await fetch(new URL(file, url))
    expect(Object.fromEntries(response.headers)).toMatchObject({ ...ISOLATED, 'content-type': type })
    const served = Buffer.from(await response.arrayBuffer())
    expect(served.equals(readFileSync(join(page, file)))).toBe(true)
  })

  it('serves nothing else, and takes nothing', async () => {
    for (const path of ['cli.js', '..%2fcli.js', 'wasm/', '%', 'nothing.html']) {
      expect((await fetch(`${url}${path}`)).status, path).toBe(404)
    }
    expect((await fetch(url, { method: 'POST', body: 'a model' })).status).toBe(405)
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200)
  })

  it('ends cleanly on Ctrl-C', async () => {
    child.kill('SIGINT')
    const { code, signal, stderr } = await ended
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' })
    await expect(fetch(url)).rejects.toThrow()
  })
})

describe.skipIf(!isBuilt)('the built page', () => {
  const files = readdirSync(isBuilt ? page : root, { recursive: true, encoding: 'utf8' }).map(name =>
    name.split(sep).join('/'),
  )

  it('loads in at most 3.5 MB as a server sends it, tokenizer and both modules together', () => {
    const text = readFileSync(join(page, 'service-worker.js'), 'utf8')
    const loaded = files.filter(name => text.includes(`"${name}"`))
    expect(loaded).toEqual(
      expect.arrayContaining(['main.js', 'worker.js', 'page.css', 'manifest.webmanifest']),
    )
    // Quality 9 of 11 is quick; a server that compresses ahead sends less.
    const params = { [constants.BROTLI_PARAM_QUALITY]: 9 }
    const size = (name: string): number =>
      brotliCompressSync(readFileSync(join(page, name)), { params }).length
    const all = loaded.reduce((sum, name) => sum + size(name), 0)
    console.log(`all that is kept for use without a network: ${(all / 1e6).toFixed(2)} MB with brotli`)
    expect(all).toBeLessThan(3.5e6)
  })

  it('names its own files only, by relative addresses', () => {
    const html = readFileSync(join(page, 'index.html'), 'utf8')
    const manifest = JSON.parse(readFileSync(join(page, 'manifest.webmanifest'), 'utf8')) as {
      icons: { src: string }[]
    }
    const named = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, name]) => name)
    expect(named.length).toBeGreaterThan(5)
    for (const name of [...named, ...manifest.icons.map(({ src }) => src)]) expect(files).toContain(name)
  })
})

describe('kerf page that cannot begin', () => {
  it.skipIf(!isBuilt)('because the port is taken says so', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const ended = await kerf(['page', '--port', String(port), '--json'])
    other.close()
    expect(ended.code).toBe(2)
    expect(jsonError(ended)).toMatchObject({ code: 'BAD_OPTION', details: { option: 'port' } })
    expect(jsonError(ended).message).toContain(`${port}, in use`)
  })

  it('because the port or the host is none says so', async () => {
    const ended = await kerf(['page', '--port', '70000', '--json'])
    expect(ended.code).toBe(2)
    expect(jsonError(ended).message).toContain('a whole number from 0 to 65535')
    if (!isBuilt) return
    const host = await kerf(['page', '--host', '192.0.2.1', '--port', '0', '--json'])
    expect(jsonError(host)).toMatchObject({ code: 'BAD_OPTION', details: { option: 'host' } })
  })

  it('because it is not built names the command that builds it', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'dist'))
    cpSync(join(root, 'dist', 'cli.js'), join(folder, 'dist', 'cli.js'))
    cpSync(join(root, 'package.json'), join(folder, 'package.json'))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    const output = await runNode(folder, ['dist/cli.js', 'page', '--json'])
    expect(output).toContain('npm run build:wasm')
    expect(output).toContain('NOT_FOUND')
  })
})
