import { ofDrop, ofInput, type Chosen } from './chosen.js'
import { button, el, section } from './dom.js'
import { failure } from './failure.js'
import { sampleModel } from './sample-model.js'

/** Where a model is dropped or picked. */
export function chooser(onChosen: (chosen: Chosen) => void): HTMLElement {
  const take = (chosen: Chosen | undefined): void => void (chosen && onChosen(chosen))
  const zone = el(
    'div',
    { class: 'drop', id: 'drop' },
    el('p', { class: 'drop-lead' }, 'Drop the folder of a model here'),
    el(
      'div',
      { class: 'actions' },
      picker('Choose a folder', { webkitdirectory: true }, take),
      picker('Choose files', { multiple: true }, take),
      sample(take),
    ),
    el(
      'p',
      { class: 'note' },
      'A folder as the Hugging Face hub has it: config.json, tokenizer.json and safetensors files.',
    ),
  )
  listen(zone, take)
  return section('model', 'Model', zone)
}

/** Takes the model that is on board. */
function sample(take: (chosen: Chosen | undefined) => void): HTMLElement {
  const made = button('Try a small model', () => {
    made.disabled = true
    sampleModel()
      .then(take)
      .catch((error: unknown) => made.parentElement?.after(failure(error)))
      .finally(() => (made.disabled = false))
  })
  return made
}

/** A file input behind a button: only the button can say what it is for in words of our own. */
function picker(
  text: string,
  kind: Readonly<Record<string, boolean>>,
  take: (chosen: Chosen | undefined) => void,
): HTMLElement {
  const input = el('input', { type: 'file', hidden: true, tabindex: -1, 'aria-label': text, ...kind })
  input.addEventListener('change', () => {
    take(ofInput(input.files))
    // The same folder may be chosen again.
    input.value = ''
  })
  return el(
    'span',
    {},
    button(text, () => input.click(), { class: 'main' }),
    input,
  )
}

/** A drop anywhere on the page counts, so that one that misses does not replace the page. */
function listen(zone: HTMLElement, take: (chosen: Chosen | undefined) => void): void {
  const over = (isOver: boolean) => (event: DragEvent) => {
    event.preventDefault()
    zone.classList.toggle('over', isOver)
  }
  document.addEventListener('dragover', over(true))
  document.addEventListener('dragleave', over(false))
  document.addEventListener('drop', event => {
    over(false)(event)
    if (event.dataTransfer && zone.isConnected) void ofDrop(event.dataTransfer.items).then(take)
  })
}
