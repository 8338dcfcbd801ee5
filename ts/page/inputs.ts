// Controls with their labels.
import { el } from './dom.js'

let made = 0

/** Ids are for labels alone. */
function nextId(): string {
  made += 1
  return `input-${made}`
}

/** A labelled slider. */
export interface Slider {
  label: string
  min: number
  max: number
  step: number
  value: number
  /** The value as it is read and heard. */
  words: (value: number) => string
  onInput: (value: number) => void
}

export function slider({ label, words, onInput, ...range }: Slider): HTMLElement {
  const id = nextId()
  const input = el('input', { type: 'range', id, ...range })
  const output = el('output', { class: 'words', for: id })
  const show = (): void => {
    const said = words(Number(input.value))
    output.textContent = said
    input.setAttribute('aria-valuetext', said)
  }
  input.addEventListener('input', () => {
    show()
    onInput(Number(input.value))
  })
  show()
  return el('div', { class: 'row' }, el('label', { for: id }, label), input, output)
}

/** A list of which one is chosen. */
export function choice<T extends string>(
  label: string,
  options: readonly (readonly [value: T, text: string])[],
  value: T,
  onChange: (value: T) => void,
): HTMLElement {
  const id = nextId()
  const list = el(
    'select',
    { id },
    ...options.map(([of, text]) => el('option', { value: of, selected: of === value }, text)),
  )
  list.addEventListener('change', () => onChange(list.value as T))
  return el('div', { class: 'row' }, el('label', { for: id }, label), list)
}

/** A few ways of which one is taken, each with a sentence. */
export function radios<T extends string>(
  legend: string,
  options: readonly (readonly [value: T, text: string, about: string])[],
  value: T,
  onChange: (value: T) => void,
): HTMLElement {
  const name = nextId()
  const row = ([of, text, about]: readonly [T, string, string]): HTMLElement => {
    const input = el('input', { type: 'radio', name, value: of, checked: of === value })
    input.addEventListener('change', () => onChange(of))
    return el(
      'label',
      { class: 'way' },
      input,
      el('span', {}, el('strong', {}, text), el('small', {}, about)),
    )
  }
  return el('fieldset', {}, el('legend', {}, legend), ...options.map(row))
}
