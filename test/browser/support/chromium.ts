// Headless Chromium with a profile on the disk, and pages in it that have the package.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, beforeAll } from 'vitest'
import { serve, type Site } from './server.js'
import type * as Kerf from '../../../ts/browser.js'

declare global {
  var kerf: typeof Kerf
}

/** Root of the repository. */
export const root = fileURLToPath(new URL('../../..', import.meta.url))
const support = fileURLToPath(new URL('.', import.meta.url))

/** What the tests of one file share. */
export interface Browser {
  context: BrowserContext
  site: Site
}

const program = process.env['KERF_CHROMIUM'] ?? '/usr/bin/chromium'

/** Without these Chromium looks for servers of its maker, which tests must not depend on. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts a browser and a server for the tests of a file. */
export function useBrowser(): Browser {
  const browser = {} as Browser
  const profile = mkdtempSync(join(tmpdir(), 'kerf-browser-'))
  beforeAll(async () => {
    browser.site = await serve({
      dist: join(root, 'dist'),
      support,
      fake: join(root, '.work', 'browser', 'fake'),
      site: join(root, '.work', 'browser', 'site'),
      fixtures: join(root, 'test', 'fixtures'),
      models: join(root, '..', 'shared', 'models'),
    })
    browser.context = await chromium.launchPersistentContext(profile, {
      executablePath: program,
      headless: true,
      args: QUIET,
      acceptDownloads: true,
    })
    browser.context.setDefaultTimeout(120_000)
  })
  afterAll(async () => {
    await browser.context?.close()
    await browser.site?.close()
    rmSync(profile, { recursive: true, force: true })
  })
  return browser
}

/** How a page is opened. */
export interface Opened extends Kerf.Settings {
  /** Whether memory may be shared. Default false. */
  isolated?: boolean
}

/** A page with `kerf` as a global. Every folder has files of its own. */
export async function openPage(
  { site, context }: Browser,
  folder: string,
  opened: Opened = {},
): Promise<Page> {
  const { isolated = false, ...settings } = opened
  const page = await context.newPage()
  page.on('pageerror', error => console.error('in the page:', error))
  await page.goto(`${site.url}/${isolated ? 'isolated' : 'plain'}/support/page.html`)
  await page.waitForFunction(() => 'kerf' in globalThis)
  await page.evaluate(given => kerf.configure(given), { folder, ...settings })
  return page
}

/** Paths, sizes and sums of all files of a folder, as the fake core tells them of a model. */
export function contents(folder: string): [path: string, bytes: number, sum: number][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
    .map(file => {
      const bytes = readFileSync(file)
      return [relative(folder, file), bytes.length, bytes.reduce((sum, byte) => (sum + byte) % 65521, 0)]
    })
}

/** Code and message that a promise of the page rejects with; a failure if it does not. */
export interface Failure {
  code: string
  message: string
  details: Record<string, unknown>
}
