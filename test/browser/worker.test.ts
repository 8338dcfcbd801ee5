// The worker and its page, around a core that misbehaves as the tests want it.
import { describe, expect, it } from 'vitest'
import type { Page } from 'playwright-core'
import { openPage, useBrowser, type Failure } from './support/chromium.js'

const browser = useBrowser()
const fake = { assets: '/plain/fake/' }

/** What `inspect` of a model that stands for a behaviour rejects with; `cancelAfterMs` counts from the first step on. */
function failure(page: Page, model: string, cancelAfterMs?: number): Promise<Failure & { ms: number }> {
  return page.evaluate(
    async ([name, ms]) => {
      const stop = new AbortController()
      let started = performance.now()
      const onProgress = (): void => {
        if (ms === undefined) return
        setTimeout(() => {
          started = performance.now()
          stop.abort(new Error('enough'))
        }, ms)
      }
      const error = await kerf.inspect(name, { signal: stop.signal, onProgress }).then(
        value => ({ value }),
        (error: unknown) => error,
      )
      if (!(error instanceof kerf.KerfError)) {
        throw new Error(`no KerfError: ${JSON.stringify(error)} ${String(error)}`)
      }
      return { ...error.toJSON(), ms: performance.now() - started }
    },
    [model, cancelAfterMs] as const,
  )
}

describe('a worker', () => {
  it('that traps is INTERNAL with what the core said, and the next call has another', async () => {
    const page = await openPage(browser, 'trap', fake)
    const error = await failure(page, 'trap')
    expect(error).toMatchObject({ code: 'INTERNAL', message: 'index out of range at solve.rs:1' })
    expect(await page.evaluate(() => kerf.inspect('nothing'))).toEqual([])
    await page.close()
  })

  it('that gets no memory is OUT_OF_MEMORY', async () => {
    const page = await openPage(browser, 'hungry', fake)
    const error = await failure(page, 'hungry')
    expect(error).toMatchObject({ code: 'OUT_OF_MEMORY', message: 'set maxMemory' })
    await page.close()
  })

  it('hands vectors over in one buffer', async () => {
    const page = await openPage(browser, 'vectors', fake)
    const seen = await page.evaluate(async () => {
      const vectors = await kerf.embed('any', ['a', 'b', 'c'])
      const buffers = new Set(vectors.map(vector => vector.buffer))
      return { vectors: vectors.map(vector => [...vector]), buffers: buffers.size }
    })
    expect(seen.buffers).toBe(1)
    expect(seen.vectors).toEqual([
      [1, 1],
      [2, 4],
      [3, 9],
    ])
    await page.close()
  })

  it('that is in a long step is ended by a cancel, and what it had written is there', async () => {
    const page = await openPage(browser, 'endless', fake)
    const error = await failure(page, 'endless', 300)
    expect(error.code).toBe('CANCELLED')
    expect(error.ms).toBeLessThan(20_000)
    expect(await page.evaluate(async () => (await kerf.kept.file('journal')).text())).toBe('first unit')
    await page.close()
  })

  it('hears a cancel between steps, and answers itself', async () => {
    const page = await openPage(browser, 'patient', fake)
    const error = await page.evaluate(() => {
      const stop = new AbortController()
      const onProgress = ({ done }: { done: number }): void => (done > 10 ? stop.abort() : undefined)
      return kerf
        .inspect('patient', { signal: stop.signal, onProgress })
        .catch((error: { message: string }) => error.message)
    })
    expect(error).toBe('between steps')
    await page.close()
  })

  it('is there for another worker too', async () => {
    const page = await openPage(browser, 'unused', fake)
    const seen = await page.evaluate(() => {
      const source = `
        import { compress, configure, inspect } from '${new URL('/plain/dist/browser.js', location.href).href}'
        configure({ folder: 'in-a-worker', assets: '${new URL('/plain/fake/', location.href).href}' })
        postMessage([typeof compress, await inspect({ 'a.txt': new Blob(['abc']) })])`
      const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
      const worker = new Worker(url, { type: 'module' })
      return new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data)
        worker.onerror = event => reject(new Error(event.message))
      })
    })
    expect(seen).toEqual(['function', [['a.txt', 3, 97 + 98 + 99]]])
    await page.close()
  })

  it('takes turns between calls', async () => {
    const page = await openPage(browser, 'turns', fake)
    const order = await page.evaluate(async () => {
      const order: string[] = []
      const long = kerf.inspect('patient').then(() => order.push('long'))
      await kerf.inspect('nothing').then(() => order.push('short'))
      await long
      return order
    })
    expect(order).toEqual(['short', 'long'])
    await page.close()
  })

  it('that cannot be loaded is WORKER_FAILED, and so is a module', async () => {
    const page = await openPage(browser, 'missing', { assets: '/plain/nowhere/' })
    const error = await failure(page, 'nothing')
    expect(error).toMatchObject({ code: 'WORKER_FAILED' })
    expect(error.message).toContain('/plain/nowhere/worker.js')
    await page.close()
    const module = '/plain/fake/wasm/single/kerf_wasm_bg.wasm'
    browser.site.instead.set(module, (_, response) => void response.writeHead(500).end())
    const other = await openPage(browser, 'broken', fake)
    const broken = await failure(other, 'nothing')
    browser.site.instead.delete(module)
    expect(broken).toMatchObject({ code: 'WORKER_FAILED', details: { reason: 'the server answered 500' } })
    // And the next call tries again.
    expect(await other.evaluate(() => kerf.inspect('nothing'))).toEqual([])
    await other.close()
  })

  it('of another tab makes STORAGE_BUSY, until that tab is done', async () => {
    const [one, two] = [await openPage(browser, 'shared', fake), await openPage(browser, 'shared', fake)]
    const long = failure(one, 'endless', 12_000)
    await one.waitForTimeout(500)
    expect((await failure(two, 'nothing')).code).toBe('STORAGE_BUSY')
    expect((await long).code).toBe('CANCELLED')
    expect(await two.evaluate(() => kerf.inspect('nothing'))).toEqual([])
    await one.close()
    await two.close()
  })

  it('that may keep no more is DISK_FULL', async () => {
    const page = await openPage(browser, 'quota', fake)
    const session = await browser.context.newCDPSession(page)
    const origin = browser.site.url
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 30 << 20 })
    const error = await failure(page, 'full')
    await session.send('Storage.overrideQuotaForOrigin', { origin })
    expect(error.code).toBe('DISK_FULL')
    await page.evaluate(() => kerf.kept.remove(''))
    expect(await page.evaluate(() => kerf.inspect('nothing'))).toEqual([])
    await page.close()
  })
})
