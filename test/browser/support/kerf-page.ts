// The page as people have it: served by `kerf page`, used by roles and labels.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { root } from './chromium.js'
import { unzip } from './unzip.js'

/** A running `kerf page`. */
export interface Serving {
  url: string
  /** Ends it as Ctrl-C does, and resolves to its exit code. */
  end: () => Promise<number | null>
}

/** Starts `kerf page` on a port of its own, so that every test has files of its own. */
export async function startPage(): Promise<Serving> {
  const child = spawn(process.execPath, [join(root, 'dist', 'cli.js'), 'page', '--port', '0', '--json'])
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const { url } = JSON.parse(line.toString()) as { url: string }
  return {
    url,
    async end() {
      if (child.exitCode !== null) return child.exitCode
      child.kill('SIGINT')
      const [code] = (await once(child, 'exit')) as [number | null]
      return code
    },
  }
}

/** Opens the page, and waits until it is kept for use without a network. */
export async function visit(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage()
  page.on('pageerror', error => console.error('in the page:', error))
  await page.goto(url)
  await page.getByText('Works without a network').waitFor()
  return page
}

/** Picks a folder. */
export async function pick(page: Page, model: string): Promise<void> {
  const chooser = page.waitForEvent('filechooser')
  await page.getByRole('button', { name: 'Choose a folder' }).click()
  await (await chooser).setFiles(model)
}

/** Waits for the end of a run. */
export async function done(page: Page): Promise<void> {
  await page.getByRole('heading', { name: 'Done' }).waitFor({ timeout: 280_000 })
}

/** Saves the result and unpacks it; gives the folder of the model. */
export async function saved(page: Page, into: string): Promise<string> {
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Save the model (zip)' }).click()
  const file = await Promise.race([download, refused(page)])
  for (const [name, content] of unzip(readFileSync(await file.path()))) {
    mkdirSync(dirname(join(into, name)), { recursive: true })
    writeFileSync(join(into, name), content)
  }
  return join(into, file.suggestedFilename().replace(/\.zip$/, ''))
}

/** Rejects with what the page says when it could not do something. */
async function refused(page: Page): Promise<never> {
  const alert = page.getByRole('alert').last()
  await alert.waitFor({ timeout: 0 })
  throw new Error(`the page says: ${await alert.innerText()}`)
}

/** How wide the page is, and how wide it may be. */
export function widths(page: Page): Promise<{ is: number; may: number }> {
  return page.evaluate(() => ({ is: document.documentElement.scrollWidth, may: innerWidth }))
}
