// What every page that kerf writes has around its sections: one HTML file that loads nothing.
import { html, Markup } from './html.js'
import { SCRIPT } from './script.js'
import { STYLE } from './style.js'

/** A page by its parts. */
export interface Page {
  title: string
  /** Version of kerf. */
  version?: string
  /** When the run ended, as ISO 8601. */
  date?: string
  /** Instruction set and threads. */
  machine: string
  sections: readonly (Markup | undefined)[]
}

/** The page as a file. */
export async function wholePage(given: Page): Promise<string> {
  // Even if markup slipped in from a model, no script but this page's own would run, and nothing could be fetched.
  const policy = `default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src '${await hashOf(SCRIPT)}'`
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="generator" content="kerf ${given.version}" />
        <title>${given.title}</title>
        <link rel="icon" href="data:," />
        ${raw('style', STYLE)}
      </head>
      <body>
        <main>${given.sections}</main>
        ${footer(given)} ${raw('script', SCRIPT)}
      </body>
    </html> `
  return `${page.text.trim()}\n`
}

function footer({ version, date, machine }: Page): Markup {
  const when = date === undefined ? undefined : html` on <time datetime="${date}">${readable(date)}</time>`
  return html`<footer>
    <p>Written by kerf ${version}${when}. ${machine}. This file needs no network.</p>
  </footer>`
}

/** "2026-11-25T13:20:38.123Z" -> "2026-11-25 13:20 UTC". */
function readable(date: string): string {
  return date.replace(/^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}).*Z$/, '$1 $2 UTC')
}

/** Our own style sheet and script, which are no text to be escaped. */
function raw(tag: 'style' | 'script', text: string): Markup {
  return new Markup(`<${tag}>${text}</${tag}>`)
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`
}
