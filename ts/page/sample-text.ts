import { generate, KerfError, type Model } from '../browser.js'
import { button, el, section } from './dom.js'
import { failure } from './failure.js'

const MOST_TOKENS = 48

/** Both models continue the same beginning, with the most likely token each time. */
export function textSample(original: Model, small: string): HTMLElement {
  const prompt = el('textarea', { id: 'prompt', rows: 2 }, 'Once upon a time')
  const sides = [side('Original'), side('Compressed')] as const
  const said = el('p', { class: 'note', role: 'status', 'aria-live': 'polite' })
  let stop: AbortController | undefined
  const write = button('Write', () => void run(), { class: 'main' })
  const end = button('Stop', () => stop?.abort(), { disabled: true })

  async function run(): Promise<void> {
    stop = new AbortController()
    const { signal } = stop
    write.disabled = true
    end.disabled = false
    said.textContent = 'Both models are writing.'
    for (const { answer } of sides) answer.textContent = ''
    try {
      for (const [index, model] of [original, small].entries()) {
        const answer = sides[index]?.answer
        const onToken = (piece: string): void => void answer?.append(piece)
        await generate(model, prompt.value, { maxTokens: MOST_TOKENS, onToken, signal })
      }
      said.textContent = 'Both are done.'
    } catch (error) {
      const isStop = error instanceof KerfError && error.code === 'CANCELLED'
      said.replaceChildren(isStop ? 'Stopped.' : failure(error))
    } finally {
      write.disabled = false
      end.disabled = true
    }
  }
  return section(
    'sample',
    'Side by side',
    el('label', { for: 'prompt' }, 'Beginning of a text'),
    prompt,
    el('div', { class: 'actions' }, write, end),
    el('div', { class: 'sides' }, ...sides.map(({ element }) => element)),
    said,
  )
}

function side(title: string): { element: HTMLElement; answer: HTMLElement } {
  const answer = el('p', { class: 'answer', dir: 'auto' })
  return { element: el('div', { role: 'group', 'aria-label': title }, el('h3', {}, title), answer), answer }
}
