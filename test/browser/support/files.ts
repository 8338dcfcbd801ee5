// Files on their way into a page and out of it.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Page } from 'playwright-core'
import { unzip } from './unzip.js'

declare global {
  /** What was chosen last. */
  var chosen: FileList
}

/** Takes the files that the page's input has. */
export async function choose(page: Page, model: string): Promise<void> {
  await page.setInputFiles('#folder', model)
  await page.evaluate(() => {
    Object.assign(globalThis, { chosen: document.querySelector<HTMLInputElement>('#folder')?.files })
  })
}

/** Clicks a link to a zip of what kerf keeps, and unpacks what the browser saved. */
export async function download(page: Page, path: string, folder: string): Promise<string> {
  const saved = page.waitForEvent('download')
  await page.evaluate(async kept => {
    const link = document.createElement('a')
    link.href = URL.createObjectURL(await new Response(await kerf.kept.zip(kept)).blob())
    link.download = `${kept}.zip`
    link.click()
  }, path)
  const to = mkdtempSync(join(folder, 'saved-'))
  for (const [name, content] of unzip(readFileSync(await (await saved).path()))) {
    mkdirSync(dirname(join(to, name)), { recursive: true })
    writeFileSync(join(to, name), content)
  }
  return join(to, path)
}

/** All files of a folder by path. */
export function bytesOf(path: string): Record<string, string> {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  return Object.fromEntries(
    files.map(({ parentPath, name }) => [
      join(parentPath, name).slice(path.length),
      readFileSync(join(parentPath, name), 'base64'),
    ]),
  )
}
