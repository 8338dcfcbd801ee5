import type { QualitySample } from '../../quality/quality.js'
import type { ReportData } from '../data.js'
import { html, type Markup } from '../page/html.js'
import { section } from '../page/table.js'

/** Answers of both models side by side. */
export function samplesSection({ quality }: ReportData): Markup | undefined {
  const samples = quality?.samples ?? []
  if (samples.length === 0) return undefined
  const isText = samples[0]?.kind === 'continuation'
  const lead = isText
    ? 'Both continue the same beginning, with the most likely token each time.'
    : `The nearest other sentence by the vectors of both: the same for ${same(samples)} of ${samples.length}.`
  return section('samples', 'Samples side by side', lead, samples.map(sample))
}

function sample(found: QualitySample): Markup {
  const isText = found.kind === 'continuation'
  const asked = isText ? found.prompt : found.text
  return html`<article class="sample">
    <p class="asked" dir="auto">${asked}${isText ? ' …' : ''}</p>
    <div class="sides">${side(found, 'before')} ${side(found, 'after')}</div>
  </article> `
}

function side(found: QualitySample, key: 'before' | 'after'): Markup {
  if (found.kind === 'continuation') {
    const isEmpty = found[key].trim() === ''
    return html`<div>
      <h3>${key}</h3>
      <p class="answer" dir="auto">${isEmpty ? html`<em>nothing</em>` : found[key].trim()}</p>
    </div> `
  }
  const { text, cosine } = found[key]
  const differs = found.before.text !== found.after.text
  return html`<div class="${differs && key === 'after' ? 'differs' : 'agrees'}">
    <h3>${key} <span class="cosine">cosine ${cosine.toFixed(3)}</span></h3>
    <p class="answer" dir="auto">${text}</p>
  </div> `
}

function same(samples: readonly QualitySample[]): number {
  return samples.filter(found => found.kind === 'nearest' && found.before.text === found.after.text).length
}
