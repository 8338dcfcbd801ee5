import { html, type Content, type Markup } from './html.js'

/** A column: its head, and whether its cells are numbers. */
export interface Head {
  text: string
  number?: boolean
}

/** A table that scrolls sideways where the screen is narrow. The first cell of a row names it. */
export function table(
  caption: string,
  heads: readonly Head[],
  rows: readonly (readonly Content[])[],
): Markup {
  const kind = (index: number): string => (heads[index]?.number ? 'number' : 'words')
  const row = (cells: readonly Content[]): Markup =>
    html`<tr>
      ${cells.map((cell, i) =>
        i === 0
          ? html`<th scope="row" class="${kind(i)}">${cell}</th>`
          : html`<td class="${kind(i)}">${cell}</td>`,
      )}
    </tr> `
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${heads.map((head, i) => html`<th scope="col" class="${kind(i)}">${head.text}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(row)}
      </tbody>
    </table>
  </div>`
}

/** A section of the page under its head; `lead` says in a sentence what is to be seen. */
export function section(id: string, title: string, lead: Content, body: Content): Markup {
  return html`<section id="${id}" aria-labelledby="${id}-title">
    <h2 id="${id}-title">${title}</h2>
    ${lead === undefined ? undefined : html`<p class="lead">${lead}</p>`} ${body}
  </section> `
}

/** A number that is large on the page, with remarks below it. */
export function tile(name: string, value: string, remarks: readonly string[]): Markup {
  return html`<div class="tile">
    <dt>${name}</dt>
    <dd>
      <strong>${value}</strong>
      ${remarks.map(remark => html`<span>${remark}</span>`)}
    </dd>
  </div> `
}

/** Names and values. */
export function factList(rows: readonly (readonly [string, string])[]): Markup {
  return html`<dl class="facts">
    ${rows.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div> `,
    )}
  </dl>`
}

/** The command that does the same again. A word of it is not broken after its hyphens. */
export function commandBlock(command: string): Markup {
  const words = command.split(' ').map(word => html`<span>${word}</span> `)
  return html`<p class="lead">The same input, options and instruction set give the same bytes:</p>
    <pre class="command" tabindex="0"><code>${words}</code></pre>`
}
