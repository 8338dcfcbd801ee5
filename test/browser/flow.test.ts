// From files to a container that Node reads, in both builds.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPage, root, useBrowser } from './support/chromium.js'
import { bytesOf, choose, download } from './support/files.js'

const node = (await import(join(root, 'dist', 'index.js'))) as typeof import('../../ts/index.js')
const browser = useBrowser()
const stories = join(root, 'test', 'fixtures', 'stories260K')
const sample = join(root, 'test', 'fixtures', 'tinystories-sample.txt')
const folder = mkdtempSync(join(tmpdir(), 'kerf-flow-'))
const options = { isa: 'portable', sparsity: 0.7, bits: 4, tokens: 512, quality: 'fast' } as const
const reference = join(folder, 'node')

beforeAll(async () => {
  await node.compress(stories, { ...options, out: reference })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.each([
  ['the build without threads', false],
  ['the build with threads', true],
])('%s', (_, isolated) => {
  const name = isolated ? 'flow-threads' : 'flow-single'
  const settings = { isolated, threads: isolated ? 2 : 1 }

  it('compresses to the bytes that Node writes, while the page goes on', async () => {
    const page = await openPage(browser, name, settings)
    await choose(page, stories)
    const seen = await page.evaluate(async given => {
      const stages: string[] = []
      const busy = { steps: 0, ticks: 0 }
      const clock = setInterval(() => (busy.ticks += 1), 1)
      const onProgress = ({ stage }: { stage: string }): void => {
        busy.steps += 1
        if (!stages.includes(stage)) stages.push(stage)
      }
      const report = await kerf.compress(chosen, { ...given, onProgress })
      clearInterval(clock)
      return { report, stages, busy, isolated: crossOriginIsolated }
    }, options)
    expect(seen.isolated).toBe(isolated)
    expect(seen.report).toMatchObject({ out: 'stories260K-kerf', isa: 'portable', threads: settings.threads })
    expect(seen.report.peakRssBytes).toBeGreaterThan(1 << 20)
    expect(seen.stages).toEqual(expect.arrayContaining(['plan', 'calibrate', 'statistics', 'solve', 'write']))
    expect(seen.busy.ticks).toBeGreaterThan(100)
    expect(bytesOf(await download(page, 'stories260K-kerf', folder))).toEqual(bytesOf(reference))
    await page.close()
  })

  it('measures, compares and writes as Node does', async () => {
    const page = await openPage(browser, name, settings)
    await choose(page, stories)
    const text = readFileSync(sample, 'utf8').slice(0, 4000)
    const seen = await page.evaluate(async given => {
      const small = 'stories260K-kerf'
      const { perplexity } = await kerf.evaluate(small, { text: given })
      const { kl } = await kerf.compare(chosen, small, { text: given })
      const pieces: string[] = []
      const written = await kerf.generate(small, 'Once upon a time', {
        maxTokens: 12,
        onToken: piece => pieces.push(piece),
      })
      const { form } = await kerf.inspect(small)
      return { perplexity, kl, form, written: written.text, joined: pieces.join('') }
    }, text)
    const [evaluation, comparison, written] = [
      await node.evaluate(reference, { text }),
      await node.compare(stories, reference, { text }),
      await node.generate(reference, 'Once upon a time', { maxTokens: 12 }),
    ]
    expect(seen.perplexity).toBeCloseTo(evaluation.perplexity ?? NaN, 3)
    expect(seen.kl).toBeCloseTo(comparison.kl ?? NaN, 4)
    expect(seen).toMatchObject({ form: 'kerf', written: written.text, joined: written.text })
    await page.close()
  })

  it('goes on after a cancel, and after its tab was closed', async () => {
    const page = await openPage(browser, `${name}-again`, settings)
    await choose(page, stories)
    const cancelled = await page.evaluate(async given => {
      const stop = new AbortController()
      const onProgress = ({ stage, done }: { stage: string; done: number }): void => {
        if (stage === 'solve' && done >= 8) stop.abort(new Error('lunch'))
      }
      const error = await kerf
        .compress(chosen, { ...given, onProgress, signal: stop.signal })
        .catch((error: unknown) => error)
      const { code, cause } = error as { code: string; cause: Error }
      return { code, cause: cause.message, kept: await kerf.kept.list() }
    }, options)
    expect(cancelled).toMatchObject({ code: 'CANCELLED', cause: 'lunch' })
    expect(
      cancelled.kept.map(({ path }) => path).every(path => path.startsWith('.stories260K-kerf.kerf-work/')),
    ).toBe(true)
    expect(cancelled.kept.length).toBeGreaterThan(4)
    const further = page.evaluate(given => {
      const onProgress = ({ stage, done }: { stage: string; done: number }): void => {
        if (stage === 'solve' && done >= 16) document.title = 'further'
      }
      return kerf.compress(chosen, { ...given, onProgress }).then(
        () => undefined,
        () => undefined,
      )
    }, options)
    await page.waitForFunction(() => document.title === 'further')
    await page.close()
    await further.catch(() => undefined)
    const next = await openPage(browser, `${name}-again`, settings)
    await choose(next, stories)
    const report = await next.evaluate(given => kerf.compress(chosen, given), options)
    expect(report.resumedUnits).toBeGreaterThanOrEqual(16)
    expect(bytesOf(await download(next, 'stories260K-kerf', folder))).toEqual(bytesOf(reference))
    await next.close()
  })
})

/** What Node says of the model with another content in one of its files. */
async function codeInNode(file: string, content: string | Uint8Array): Promise<string> {
  const copy = join(mkdtempSync(join(folder, 'damaged-')), 'model')
  cpSync(stories, copy, { recursive: true })
  writeFileSync(join(copy, file), content)
  return node.compress(copy, { tokens: 256 }).then(
    () => 'nothing',
    (error: unknown) => (error as { code: string }).code,
  )
}

it('hands over what was written when a text is cancelled in the middle of a step', async () => {
  const page = await openPage(browser, 'flow-text', { isolated: true, threads: 2 })
  await choose(page, stories)
  const seen = await page.evaluate(async () => {
    const stop = new AbortController()
    const pieces: string[] = []
    const onToken = (piece: string): void => {
      pieces.push(piece)
      stop.abort()
    }
    const options = { maxTokens: 480, temperature: 1, onToken, signal: stop.signal }
    const error = await kerf.generate(chosen, 'Once', options).catch((error: unknown) => error)
    const { code, details } = error as { code: string; details: { text: string } }
    return { code, text: details.text, joined: pieces.join('') }
  })
  expect(seen.code).toBe('CANCELLED')
  expect(seen.text).toBe(seen.joined)
  expect(seen.text.length).toBeGreaterThan(0)
  await page.close()
})

describe('what goes wrong', () => {
  it('with a file has the code that it has in Node', async () => {
    const page = await openPage(browser, 'damaged')
    await choose(page, stories)
    const errors = await page.evaluate(async () => {
      const files = Object.fromEntries([...chosen].map(file => [file.name, file as Blob]))
      const weights = files['model.safetensors'] ?? new Blob()
      const code = (model: Parameters<typeof kerf.inspect>[0]): Promise<string> =>
        kerf.compress(model, { tokens: 256 }).then(
          () => 'nothing',
          (error: { code: string }) => error.code,
        )
      return {
        truncated: await code({ ...files, 'model.safetensors': weights.slice(0, -100) }),
        header: await code({ ...files, 'model.safetensors': new Blob(['nothing of the kind']) }),
        config: await code({ ...files, 'config.json': new Blob(['{']) }),
        nothing: await code({ 'config.json': files['config.json'] ?? new Blob() }),
        missing: await code('no/such/model'),
        option: await kerf.compress(chosen, { bits: 17 }).catch((error: { code: string }) => error.code),
        kept: await kerf.kept.list(),
      }
    })
    const weights = readFileSync(join(stories, 'model.safetensors'))
    expect(errors).toEqual({
      truncated: await codeInNode('model.safetensors', weights.subarray(0, -100)),
      header: await codeInNode('model.safetensors', 'nothing of the kind'),
      config: await codeInNode('config.json', '{'),
      nothing: 'NOT_A_MODEL',
      missing: 'NOT_FOUND',
      option: 'BAD_OPTION',
      kept: [],
    })
    await page.close()
  })

  it('with a full disk is DISK_FULL, and the same call goes on when there is room', async () => {
    const page = await openPage(browser, 'full')
    await choose(page, stories)
    const session = await browser.context.newCDPSession(page)
    const origin = browser.site.url
    const used = await page.evaluate(async () => {
      await kerf.kept.list()
      return (await navigator.storage.estimate()).usage ?? 0
    })
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: used + 60_000 })
    const run = (): Promise<{ code?: string; resumedUnits?: number; out?: string }> =>
      page.evaluate(
        given =>
          kerf.compress(chosen, given).catch((error: { toJSON: () => { code: string } }) => error.toJSON()),
        options,
      )
    const error = await run()
    expect(error.code).toBe('DISK_FULL')
    await session.send('Storage.overrideQuotaForOrigin', { origin })
    expect(await run()).toMatchObject({ out: 'stories260K-kerf' })
    expect(bytesOf(await download(page, 'stories260K-kerf', folder))).toEqual(bytesOf(reference))
    await page.close()
  })
})
