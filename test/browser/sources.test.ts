// Everything that a model may be given as, and everything that a result may go to, around a core that only reads and writes.
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Page } from 'playwright-core'
import { contents, openPage, root, useBrowser } from './support/chromium.js'
import { send } from './support/server.js'
import { unzip } from './support/unzip.js'

const browser = useBrowser()
const fake = { assets: '/plain/fake/' }
const folder = join(root, '.work', 'browser', 'site')
const shard = '/plain/site/model-00002-of-00002.safetensors'
const expected = contents(folder)

/** What the fake core read of a model that the code makes; `evaluate` wants whole files, `inspect` only headers. */
function read(page: Page, make: string, whole = true): Promise<unknown> {
  return page.evaluate(
    async ([code, command]) => {
      const model = (await (0, eval)(`(async () => { ${code} })()`)) as Parameters<typeof kerf.inspect>[0]
      const copied: string[] = []
      const onProgress = ({ stage, name }: { stage: string; name: string }): void => {
        if (stage === 'copy') copied.push(name)
      }
      const call =
        command === 'inspect'
          ? kerf.inspect(model, { onProgress })
          : kerf.evaluate(model, { text: 'x', onProgress })
      return call.then(
        seen => ({ seen, copied: [...new Set(copied)] }),
        (error: { toJSON: () => unknown }) => error.toJSON(),
      )
    },
    [make, whole ? 'evaluate' : 'inspect'] as const,
  )
}

const FILES = `
  const at = path => new URL('../site/' + path, location.href)
  const names = ${JSON.stringify(expected.map(([path]) => path))}
  const blobs = await Promise.all(names.map(async path => [path, await (await fetch(at(path))).blob()]))`

describe('a model', () => {
  it('is a folder of an <input>', async () => {
    const page = await openPage(browser, 'input', fake)
    await page.setInputFiles('#folder', folder)
    const seen = await read(page, `return document.querySelector('#folder').files`)
    expect(seen).toEqual({ seen: expected, copied: [] })
    await page.close()
  })

  it('is an object of blobs by path, and an array of files', async () => {
    const page = await openPage(browser, 'blobs', fake)
    expect(await read(page, `${FILES}; return Object.fromEntries(blobs)`)).toEqual({
      seen: expected,
      copied: [],
    })
    const flat = await read(
      page,
      `${FILES}; return blobs.filter(([path]) => !path.includes('/')).map(([path, blob]) => new File([blob], path))`,
    )
    expect(flat).toEqual({ seen: expected.filter(([path]) => !path.includes('/')), copied: [] })
    await page.close()
  })

  it('is a directory handle', async () => {
    const page = await openPage(browser, 'handle', fake)
    const seen = await read(
      page,
      `${FILES}
      const top = await (await navigator.storage.getDirectory()).getDirectoryHandle('a model', { create: true })
      const pooling = await top.getDirectoryHandle('1_Pooling', { create: true })
      for (const [path, blob] of blobs) {
        const file = await (path.includes('/') ? pooling : top).getFileHandle(path.split('/').pop(), { create: true })
        const output = await file.createWritable()
        await output.write(blob)
        await output.close()
      }
      return top`,
    )
    expect(seen).toEqual({ seen: expected, copied: [] })
    await page.close()
  })

  it('is one blob, whose kind is seen from its beginning', async () => {
    const page = await openPage(browser, 'blob', fake)
    const seen = await read(page, `return new Blob(['GGUF and more'])`)
    expect(seen).toMatchObject({ seen: [['model.gguf', 13, expect.any(Number)]] })
    const named = await read(page, `return new File(['x'], 'my.safetensors')`)
    expect(named).toMatchObject({ seen: [['my.safetensors', 1, 120]] })
    await page.close()
  })

  it('is the address of a folder: copied once, with what a download lost fetched again', async () => {
    const page = await openPage(browser, 'site', fake)
    const make = `return new URL('../site/', location.href)`
    browser.site.instead.set(shard, (request, response) => {
      if (request.headers.range === 'bytes=0-0') return send(request, response, join(folder, shard.slice(12)))
      response.writeHead(200, { 'Content-Length': 4 << 20 })
      response.write(Buffer.alloc(1 << 20), () => setTimeout(() => response.destroy(), 500))
    })
    expect(await read(page, make)).toMatchObject({ code: 'IO', details: { kind: 'Network' } })
    // The bytes were not those of the file, which shows below that they were kept.
    browser.site.instead.delete(shard)
    const { seen, copied } = (await read(page, make)) as {
      seen: [string, number, number][]
      copied: string[]
    }
    expect(seen.map(([path, bytes]) => [path, bytes])).toEqual(expected.map(([path, bytes]) => [path, bytes]))
    expect(copied).toHaveLength(2)
    const ranges = browser.site.seen.filter(({ path }) => path === shard).map(({ range }) => range)
    expect(ranges.at(-1)).toMatch(/^bytes=[1-9]\d*-$/)
    await page.evaluate(() => kerf.kept.remove(''))
    expect(await read(page, make)).toMatchObject({ seen: expected })
    const before = browser.site.seen.length
    expect(await read(page, make)).toMatchObject({ seen: expected })
    const whole = browser.site.seen
      .slice(before)
      .filter(({ path, range }) => path === shard && range !== 'bytes=0-0')
    expect(whole).toEqual([])
    await page.close()
  })

  it('is read in parts where only its headers matter', async () => {
    const page = await openPage(browser, 'ranges', fake)
    const seen = await read(page, `return new URL('../site/', location.href)`, false)
    expect(seen).toEqual({ seen: expected, copied: [] })
    await page.close()
  })

  it('is fetched whole from a server without range requests, and again when it has changed', async () => {
    const page = await openPage(browser, 'no-ranges', fake)
    const path = '/plain/site/plain.safetensors'
    let fill = 1
    browser.site.instead.set(path, (_, response) => {
      response.writeHead(200, { 'Content-Length': 2 << 20, ETag: `"${fill}"` })
      response.end(Buffer.alloc(2 << 20, fill))
    })
    const make = `return new URL('../site/plain.safetensors', location.href)`
    const sum = (byte: number): number => (byte * (2 << 20)) % 65521
    expect(await read(page, make, false)).toMatchObject({ seen: [['plain.safetensors', 2 << 20, sum(1)]] })
    fill = 2
    expect(await read(page, make)).toMatchObject({ seen: [['plain.safetensors', 2 << 20, sum(2)]] })
    browser.site.instead.delete(path)
    expect(await read(page, make)).toMatchObject({ code: 'NOT_FOUND' })
    await page.close()
  })

  it('is a source of the page, copied once while the page is there', async () => {
    const page = await openPage(browser, 'custom', fake)
    const make = `
      globalThis.reads = 0
      globalThis.custom ??= { size: 5 << 20, read(offset, length) {
        globalThis.reads += 1
        return Uint8Array.from({ length }, (_, index) => (offset + index) & 255)
      } }
      return globalThis.custom`
    const sum = (5 << 12) * ((255 * 256) / 2)
    const seen = { seen: [['model.safetensors', 5 << 20, sum % 65521]], copied: ['model/model.safetensors'] }
    expect(await read(page, make)).toEqual(seen)
    expect(await read(page, make)).toEqual(seen)
    // Only what its name is guessed from is read again.
    expect(await page.evaluate(() => (globalThis as { reads?: number }).reads)).toBe(1)
    await page.close()
    const next = await openPage(browser, 'custom', fake)
    await read(next, `return new Blob(['x'])`)
    expect(await next.evaluate(() => kerf.kept.list('.staged'))).toEqual([])
    await next.close()
  })

  it('that fails says so', async () => {
    const page = await openPage(browser, 'failing', fake)
    const throws = await read(
      page,
      `return { size: 10, name: 'a.kerf', read() { throw new Error('the drive was pulled') } }`,
    )
    expect(throws).toMatchObject({ code: 'IO', message: expect.stringContaining('the drive was pulled') })
    const short = await read(page, `return { size: 10, name: 'a.kerf', read: () => new Uint8Array(3) }`)
    expect(short).toMatchObject({ code: 'IO', message: expect.stringContaining('read(0, 10) gave 3 bytes') })
    const nothing = await read(page, `return new URL('../nowhere/', location.href)`)
    expect(nothing).toMatchObject({ code: 'NOT_FOUND' })
    const wrong = await read(page, `return 42`)
    expect(wrong).toMatchObject({
      code: 'BAD_OPTION',
      details: { expected: expect.stringContaining('a directory handle') },
    })
    await page.close()
  })
})

describe('a result', () => {
  const result = { 'small-kerf/1_Pooling/config.json': '{}', 'small-kerf/model.kerf': 'weights' }

  it('goes to a stream as a zip', async () => {
    const page = await openPage(browser, 'stream', fake)
    const { out, bytes, left } = await page.evaluate(async () => {
      const parts: Uint8Array<ArrayBuffer>[] = []
      const stream = new WritableStream<Uint8Array<ArrayBuffer>>({ write: part => void parts.push(part) })
      const model = new File(['x'], 'small.safetensors')
      const { out } = await kerf.convert(model, { format: 'kerf', out: stream })
      const bytes = [...new Uint8Array(await new Blob(parts).arrayBuffer())]
      return { out, bytes, left: await kerf.kept.list() }
    })
    expect(out).toBe('small-kerf.zip')
    expect(left).toEqual([])
    const files = unzip(Buffer.from(bytes))
    expect(Object.fromEntries([...files].map(([name, content]) => [name, content.toString()]))).toEqual(
      result,
    )
    await page.close()
  })

  it('goes to an empty directory, and to no other', async () => {
    const page = await openPage(browser, 'directory', fake)
    const { out, text, code, left } = await page.evaluate(async () => {
      const root = await navigator.storage.getDirectory()
      const target = await root.getDirectoryHandle('target', { create: true })
      const model = new Blob(['x'])
      const { out } = await kerf.convert(model, { format: 'kerf', out: target })
      const file = await (await target.getDirectoryHandle('1_Pooling')).getFileHandle('config.json')
      const text = await (await file.getFile()).text()
      const { code } = (await kerf
        .convert(model, { format: 'kerf', out: target })
        .catch((error: { code: string }) => error)) as { code: string }
      return { out, text, code, left: await kerf.kept.list() }
    })
    expect({ out, text, code, left }).toEqual({ out: 'target', text: '{}', code: 'OUTPUT_EXISTS', left: [] })
    await page.close()
  })

  it('is kept where its target fails', async () => {
    const page = await openPage(browser, 'failing-target', fake)
    const { error, left } = await page.evaluate(async () => {
      const stream = new WritableStream({
        write() {
          throw new Error('the connection is gone')
        },
      })
      const error = await kerf.convert(new Blob(['x']), { format: 'kerf', out: stream }).then(
        () => undefined,
        (error: { toJSON: () => unknown }) => error.toJSON(),
      )
      return { error, left: await kerf.kept.list() }
    })
    expect(error).toMatchObject({ code: 'IO', details: { path: '.outgoing/model-kerf' } })
    expect(left.map(({ path }) => path)).toEqual([
      '.outgoing/model-kerf/1_Pooling/config.json',
      '.outgoing/model-kerf/model.kerf',
    ])
    await page.close()
  })

  it('is kept under its path, and goes from there as files or a zip', async () => {
    const page = await openPage(browser, 'kept', fake)
    const { list, text, zip, missing } = await page.evaluate(async () => {
      await kerf.convert(new Blob(['x']), { format: 'kerf', out: './small-kerf' })
      const list = await kerf.kept.list('small-kerf')
      const text = await (await kerf.kept.file('small-kerf/model.kerf')).text()
      const zip = [...new Uint8Array(await new Response(await kerf.kept.zip('small-kerf')).arrayBuffer())]
      await kerf.kept.remove('small-kerf')
      const missing = await kerf.kept.file('small-kerf/model.kerf').then(
        () => '',
        (error: { code: string }) => error.code,
      )
      return { list, text, zip, missing }
    })
    expect(list).toEqual([
      { path: '1_Pooling/config.json', bytes: 2 },
      { path: 'model.kerf', bytes: 7 },
    ])
    expect([text, missing]).toEqual(['weights', 'NOT_FOUND'])
    expect([...unzip(Buffer.from(zip)).keys()]).toEqual(Object.keys(result))
    await page.close()
  })
})
