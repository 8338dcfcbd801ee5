// The pool over the origin private file system itself.
import { describe, expect, it } from 'vitest'
import type { Page } from 'playwright-core'
import { openPage, useBrowser } from './support/chromium.js'

const browser = useBrowser()

type Operation = [name: string, ...args: (string | number)[]]

/** Runs operations on a pool in a worker of its own; the worker lives on unless it is ended. */
function operate(page: Page, operations: Operation[], ended = false): Promise<unknown[]> {
  return page.evaluate(
    ([list, end]) => {
      const here = globalThis as { poolWorker?: Worker }
      const worker = (here.poolWorker ??= new Worker('/plain/fake/pool-worker.js', { type: 'module' }))
      return new Promise<unknown[]>(resolve => {
        worker.onmessage = ({ data }) => {
          if (end) {
            worker.terminate()
            delete here.poolWorker
          }
          resolve(data as unknown[])
        }
        worker.postMessage(list)
      })
    },
    [operations, ended] as const,
  )
}

describe('the pool in Chromium', () => {
  it('creates, grows, renames and removes', async () => {
    const page = await openPage(browser, 'unused')
    const seen = await operate(page, [
      ['open', 'pool-a', 4],
      ['write', 'x/a', 'one'],
      ['write', 'x/b', 'two'],
      ['grow', '', 20],
      ['rename', 'x', 'y'],
      ['list', ''],
      ['read', 'y/a'],
      ['remove', 'y/a'],
      ['size', 'y/a'],
      ['read', 'y/a'],
      ['list', ''],
      ['close'],
    ])
    expect(seen.slice(5)).toEqual([['y/a', 'y/b'], 'one', undefined, -1, 'NotFoundError', ['y/b'], undefined])
    await page.close()
  })

  it('is there after its worker was ended without a word, and after the tab was closed', async () => {
    const page = await openPage(browser, 'unused')
    await operate(
      page,
      [
        ['open', 'pool-b', 4],
        ['write', 'a', 'first'],
        ['rename', 'a', 'b'],
        ['write', 'c', 'third'],
      ],
      true,
    )
    const after = await operate(page, [
      ['open', 'pool-b', 4],
      ['list', ''],
      ['read', 'b'],
      ['write', 'd', 'fourth'],
    ])
    expect(after.slice(1, 3)).toEqual([['b', 'c'], 'first'])
    await page.close()
    const next = await openPage(browser, 'unused')
    const again = await operate(next, [['open', 'pool-b', 4], ['read', 'c'], ['read', 'd'], ['close']])
    expect(again.slice(1, 3)).toEqual(['third', 'fourth'])
    await next.close()
  })

  it('opens hundreds of slots in a moment', async () => {
    const page = await openPage(browser, 'unused')
    await operate(page, [['open', 'pool-c', 512], ['close']], true)
    const started = performance.now()
    const seen = await operate(page, [['open', 'pool-c', 512], ['list', ''], ['close']], true)
    expect(seen[1]).toEqual([])
    console.log(`512 slots open in ${Math.round(performance.now() - started)} ms`)
    await page.close()
  })
})
