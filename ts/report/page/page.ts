// The page as a whole. This file and all it imports is a bundle of its own, which is loaded when a page is wanted.
import type { ReportData } from '../data.js'
import { depthSection } from '../sections/depth.js'
import { headline } from '../sections/headline.js'
import { matricesSection } from '../sections/matrices.js'
import { notesSection } from '../sections/notes.js'
import { partsSection } from '../sections/parts.js'
import { qualitySection } from '../sections/quality.js'
import { repairsSection } from '../sections/repairs.js'
import { runSection } from '../sections/run.js'
import { samplesSection } from '../sections/samples.js'
import { truthSection } from '../sections/truth.js'
import { html, Markup } from './html.js'
import { SCRIPT } from './script.js'
import { STYLE } from './style.js'

/** Sections in the order of the page: one file and one row each. */
const SECTIONS = [
  headline,
  partsSection,
  qualitySection,
  samplesSection,
  depthSection,
  repairsSection,
  notesSection,
  truthSection,
  runSection,
  matricesSection,
] as const

/** A compression as one HTML file that loads nothing. */
export async function renderPage(data: ReportData): Promise<string> {
  // Even if markup slipped in from a model, no script but this page's own would run, and nothing could be fetched.
  const policy = `default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src '${await hashOf(SCRIPT)}'`
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="generator" content="kerf ${data.version}" />
        <title>${data.model} – kerf report</title>
        <link rel="icon" href="data:," />
        ${raw('style', STYLE)}
      </head>
      <body>
        <main>${SECTIONS.map(section => section(data))}</main>
        ${footer(data)} ${raw('script', SCRIPT)}
      </body>
    </html> `
  return `${page.text.trim()}\n`
}

function footer({ version, date, report }: ReportData): Markup {
  const when = date === undefined ? undefined : html` on <time datetime="${date}">${readable(date)}</time>`
  return html`<footer>
    <p>
      Written by kerf ${version}${when}. ${report.isa}, ${report.threads}
      ${report.threads === 1 ? 'thread' : 'threads'}. This file needs no network.
    </p>
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
