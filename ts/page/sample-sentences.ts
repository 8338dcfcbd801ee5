import { embed, type Model } from '../browser.js'
import { cosine, meanCosine } from '../quality/nearest.js'
import { SENTENCES } from '../quality/sentences.js'
import { button, el, section } from './dom.js'
import { failure } from './failure.js'

const SHOWN = 3

/** The sentences nearest to one, by the vectors of both models. */
export function sentencesSample(original: Model, small: string): HTMLElement {
  const asked = el('input', { type: 'text', id: 'asked', value: 'Somebody makes music for a crowd.' })
  const list = el('textarea', { id: 'list', rows: 6 }, SENTENCES.join('\n'))
  const sides = el('div', { class: 'sides' })
  const said = el('p', { class: 'note', role: 'status', 'aria-live': 'polite' })
  const find = button('Find the nearest', () => void run(), { class: 'main' })

  async function run(): Promise<void> {
    const texts = list.value.split('\n').flatMap(line => line.trim() || [])
    find.disabled = true
    said.textContent = 'Both models are reading.'
    try {
      const before = await embed(original, [...texts, asked.value])
      const after = await embed(small, [...texts, asked.value])
      sides.replaceChildren(side('Original', texts, before), side('Compressed', texts, after))
      const mean = meanCosine(before, after).toFixed(3)
      said.textContent = `Mean cosine of old and new vectors: ${mean} (1 is the same).`
    } catch (error) {
      said.replaceChildren(failure(error))
    } finally {
      find.disabled = false
    }
  }
  return section(
    'sample',
    'Side by side',
    el('label', { for: 'asked' }, 'Sentence'),
    asked,
    el('label', { for: 'list' }, 'Sentences to look in, one a line'),
    list,
    el('div', { class: 'actions' }, find),
    sides,
    said,
  )
}

function side(title: string, texts: readonly string[], vectors: readonly Float32Array[]): HTMLElement {
  const query = vectors.at(-1) ?? new Float32Array()
  const found = texts
    .map((text, index) => ({ text, cosine: cosine(query, vectors[index] ?? query) }))
    .sort((a, b) => b.cosine - a.cosine)
    .slice(0, SHOWN)
  return el(
    'div',
    { role: 'group', 'aria-label': title },
    el('h3', {}, title),
    el(
      'ol',
      { class: 'nearest' },
      ...found.map(({ text, cosine: value }) =>
        el('li', { dir: 'auto' }, text, ' ', el('span', { class: 'words' }, value.toFixed(3))),
      ),
    ),
  )
}
