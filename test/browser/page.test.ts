// The page by `kerf page`: from files to a download that Node scores, offline, cancelled, damaged, narrow.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest'
import { root, useBrowser } from './support/chromium.js'
import { done, pick, saved, startPage, visit, widths, type Serving } from './support/kerf-page.js'
import { serve } from './support/server.js'

const node = (await import(join(root, 'dist', 'index.js'))) as typeof import('../../ts/index.js')
const browser = useBrowser()
const stories = join(root, 'test', 'fixtures', 'stories260K')
const sample = join(root, 'test', 'fixtures', 'tinystories-sample.txt')
const folder = mkdtempSync(join(tmpdir(), 'kerf-page-'))
let serving: Serving

beforeEach(async () => {
  serving = await startPage()
})
afterEach(async () => {
  await browser.context.setOffline(false)
  for (const page of browser.context.pages().slice(1)) await page.close()
  await serving.end()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The estimate, once it says a time. */
async function estimate(page: Page): Promise<string> {
  const time = page.getByText(/^about [\d.]+ (s|min|h)/)
  await time.waitFor()
  return page.locator('.estimate').innerText()
}

it('takes a model from files to a download that Node reads and scores', async () => {
  const page = await visit(browser.context, serving.url)
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
  await pick(page, stories)
  await page.getByRole('heading', { name: 'stories260K' }).waitFor()
  await page.getByText('260,032').waitFor()
  expect(await page.getByRole('radio', { name: 'light' }).isChecked()).toBe(true)
  await page.getByRole('radio', { name: 'By bits' }).check()
  await page.getByRole('slider', { name: 'Bits per weight' }).fill('4')
  await page.getByRole('combobox', { name: 'Quality' }).selectOption('fast')
  const before = await estimate(page)
  expect(before).toMatch(/about 1[4-7]\d kB/)
  expect(before).toMatch(/at most [\d.]+ MB/)

  await page.getByRole('button', { name: 'Start' }).click()
  await done(page)
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Done')
  await page.getByRole('img', { name: 'Bytes by part, before and after' }).first().waitFor()
  await page.getByRole('img', { name: 'Relative output error' }).first().waitFor()

  await page.getByRole('textbox', { name: 'Beginning of a text' }).fill('One day')
  await page.getByRole('button', { name: 'Write' }).click()
  await page.getByText('Both are done.').waitFor()
  const small = await saved(page, mkdtempSync(join(folder, 'saved-')))
  const [original, compressed] = [
    await page.getByRole('group', { name: 'Original' }).locator('p').textContent(),
    await page.getByRole('group', { name: 'Compressed' }).locator('p').textContent(),
  ]
  const write = async (model: string): Promise<string> =>
    (await node.generate(model, 'One day', { maxTokens: 48 })).text
  // The first tokens agree on all machines; later ones may turn on the last bit of a sum.
  expect(original?.slice(0, 20)).toBe((await write(stories)).slice(0, 20))
  expect(compressed?.slice(0, 20)).toBe((await write(small)).slice(0, 20))

  const score = async (model: string): Promise<number> =>
    (await node.evaluate(model, { textFile: sample })).perplexity ?? NaN
  const ratio = (await score(small)) / (await score(stories))
  expect(ratio).toBeGreaterThan(1)
  expect(ratio).toBeLessThan(1.5)
})

it('works without a network after the first load', async () => {
  const first = await visit(browser.context, serving.url)
  await first.close()
  await serving.end()
  await browser.context.setOffline(true)
  const page = await visit(browser.context, serving.url)
  await pick(page, stories)
  await page.getByRole('radio', { name: 'By the weights alone' }).check()
  await page.getByRole('button', { name: 'Start' }).click()
  await done(page)
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
  await page.getByRole('img', { name: 'Bytes by part, before and after' }).first().waitFor()
})

it('is isolated by its service worker where the host sends no headers, under any path', async () => {
  const host = await serve({ some: join(root, 'dist', 'page') })
  try {
    const page = await browser.context.newPage()
    await page.goto(`${host.url}/plain/some/index.html`)
    await page.getByText('Works without a network').waitFor()
    await page.waitForFunction(() => crossOriginIsolated)
    await pick(page, stories)
    await estimate(page)
    await page.close()
  } finally {
    await host.close()
  }
})

it('is cancelled, and goes on after the tab was closed', async () => {
  const first = await visit(browser.context, serving.url)
  await pick(first, stories)
  await first.getByRole('combobox', { name: 'Quality' }).selectOption('best')
  await first.getByRole('button', { name: 'Start' }).click()
  const bar = first.getByRole('progressbar', { name: 'Progress' })
  const share = (): Promise<number> => bar.evaluate((bar: HTMLProgressElement) => bar.value)
  await expect.poll(share, { timeout: 60_000 }).toBeGreaterThan(0.3)
  await first.getByRole('button', { name: 'Cancel' }).click()
  await first.getByText('Stopped. What is done is kept.').waitFor()
  await first.getByRole('button', { name: 'Continue' }).waitFor()
  await first.close()

  const page = await visit(browser.context, serving.url)
  await page.getByText('stories260K, not finished').waitFor()
  await pick(page, stories)
  await page.getByText('A run of this model is not finished').waitFor()
  expect(await page.getByRole('combobox', { name: 'Quality' }).inputValue()).toBe('best')
  await page.getByRole('button', { name: 'Continue' }).click()
  await done(page)
  await page.getByText(/and \d+ units done before/).waitFor()
  await page.getByRole('button', { name: 'Remove: stories260K-kerf' }).click()
  await page.getByRole('heading', { name: 'Kept on this device' }).waitFor({ state: 'detached' })
})

it('says which file is damaged, and takes another one', async () => {
  const damaged = join(folder, 'damaged')
  cpSync(stories, damaged, { recursive: true })
  const weights = readFileSync(join(stories, 'model.safetensors'))
  writeFileSync(join(damaged, 'model.safetensors'), weights.subarray(0, -1000))
  const page = await visit(browser.context, serving.url)
  await pick(page, damaged)
  const alert = page.getByRole('alert')
  await alert.waitFor()
  expect(await alert.innerText()).toMatch(/^TRUNCATED .*damaged\/model\.safetensors[^]*Download it again/)
  await pick(page, stories)
  await page.getByRole('heading', { name: 'stories260K' }).waitFor()
  await expect.poll(() => page.getByRole('alert').count()).toBe(0)
})

it('takes what is dropped, and folders of no model', async () => {
  const page = await visit(browser.context, serving.url)
  const drop = async (name: string, text: string): Promise<void> => {
    const data = await page.evaluateHandle(
      ([name, text]) => {
        const data = new DataTransfer()
        data.items.add(new File([text ?? ''], name ?? ''))
        return data
      },
      [name, text],
    )
    await page.dispatchEvent('#drop', 'drop', { dataTransfer: data })
  }
  await drop('notes.txt', 'no model at all')
  await page.getByText('Choose the folder that has config.json').waitFor()
  expect(await page.getByRole('alert').innerText()).toContain('NOT_A_MODEL')
})

it('fits a phone, and names all controls', async () => {
  const page = await visit(browser.context, serving.url)
  await page.setViewportSize({ width: 360, height: 740 })
  const fits = async (): Promise<void> => {
    const { is, may } = await widths(page)
    expect(is).toBeLessThanOrEqual(may)
  }
  await fits()
  await pick(page, stories)
  await estimate(page)
  await fits()
  await page.getByRole('radio', { name: 'By sparsity and bits' }).check()
  await page.getByRole('slider', { name: 'Weights to remove' }).waitFor()
  await page.getByRole('combobox', { name: 'Bits of the rest' }).waitFor()
  await page.getByLabel('Text like yours').waitFor()
  await fits()
  await page.getByRole('button', { name: 'Start' }).click()
  await page.getByRole('progressbar', { name: 'Progress' }).waitFor()
  expect(await page.getByRole('progressbar').count()).toBe(1)
  await fits()
  await done(page)
  await page.getByRole('img', { name: 'Relative output error' }).last().waitFor()
  await fits()
  const unnamed = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('button, input, select, textarea')]
      .filter(control => !(control as HTMLInputElement).labels?.length && !control.textContent?.trim())
      .filter(control => !control.hasAttribute('aria-label'))
      .map(control => control.outerHTML),
  )
  expect(unnamed).toEqual([])
})

const encoder = join(root, '..', 'shared', 'models', 'all-MiniLM-L6-v2')
const pairs = join(root, '..', 'shared', 'tasks', 'stsb', 'stsb-en-dev.csv')
const hasEncoder = await node.inspect(encoder).then(
  () => true,
  () => false,
)

it.skipIf(!hasEncoder)('takes a sentence encoder, and shows the nearest sentences of both', async () => {
  const page = await visit(browser.context, serving.url)
  await pick(page, encoder)
  await page.getByRole('radio', { name: 'By sparsity and bits' }).check()
  await page.getByText('gives vectors').waitFor()
  await estimate(page)
  await page.getByRole('button', { name: 'Start' }).click()
  await done(page)
  await page.getByRole('button', { name: 'Find the nearest' }).click()
  await page.getByText(/Mean cosine of old and new vectors: (0\.\d+|1\b)/).waitFor()
  for (const name of ['Original', 'Compressed']) {
    const nearest = page.getByRole('group', { name }).getByRole('listitem').first()
    expect(await nearest.innerText()).toContain('performs music')
  }
  const small = await saved(page, mkdtempSync(join(folder, 'saved-')))
  expect(basename(small)).toBe('all-MiniLM-L6-v2-kerf')
  const { spearman } = await node.evaluate(small, { pairs })
  expect(spearman).toBeGreaterThan(0.8)
})
