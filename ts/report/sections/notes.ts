import { html, type Markup } from '../page/html.js'
import { section } from '../page/table.js'

/** Things a user should know that are not repairs. */
export function notesSection({ report }: { report: { notes: readonly string[] } }): Markup | undefined {
  if (report.notes.length === 0) return undefined
  const list = html`<ul class="notes">
    ${report.notes.map(note => html`<li>${note}</li> `)}
  </ul>`
  return section('notes', 'Notes', undefined, list)
}
