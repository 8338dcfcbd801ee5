/** What may stand inside an element. */
export type Child = Node | string | undefined | false

/** Attributes; `true` is one without a value, `false` and `undefined` leave it out. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

/** An element. Strings become text, never markup. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== undefined)
      element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(...children.filter(child => child !== undefined && child !== false))
  return element
}

/** A button that does something. */
export function button(text: string, onClick: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = el('button', { type: 'button', ...attributes }, text)
  made.addEventListener('click', onClick)
  return made
}

/** A part of the page under its head. */
export function section(id: string, title: string, ...children: readonly Child[]): HTMLElement {
  const head = el('h2', { id: `${id}-title`, tabindex: -1 }, title)
  return el('section', { id, 'aria-labelledby': `${id}-title` }, head, ...children)
}

/** Names and values in two columns. */
export function facts(rows: readonly (readonly [name: string, value: string])[]): HTMLElement {
  return el(
    'dl',
    { class: 'facts' },
    ...rows.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))),
  )
}

/** The focus goes to what is new, so that keyboards and screen readers go on from there. */
export function goTo(part: HTMLElement): void {
  part.querySelector('h2')?.focus({ preventScroll: true })
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches
  part.scrollIntoView({ block: 'start', behavior: calm ? 'auto' : 'smooth' })
}
