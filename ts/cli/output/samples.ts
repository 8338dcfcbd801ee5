import type { QualitySample } from '../../quality/quality.js'
import type { Screen } from '../screen.js'
import { facts } from './table.js'

const SHOWN = 2

/** Answers of both models, one below the other; the HTML page has more of them side by side. */
export function showSamples(samples: readonly QualitySample[], screen: Screen): void {
  if (samples.length === 0) return
  screen.line()
  screen.line(screen.colors.dim('Before and after:'))
  for (const sample of samples.slice(0, SHOWN)) {
    const asked = sample.kind === 'continuation' ? `${sample.prompt} …` : sample.text
    facts(screen, [
      ['', plain(asked)],
      ['before', answer(sample, 'before')],
      ['after', answer(sample, 'after')],
    ])
  }
}

function answer(sample: QualitySample, key: 'before' | 'after'): string {
  if (sample.kind === 'continuation') return plain(sample[key]) || '(nothing)'
  const { text, cosine } = sample[key]
  return `nearest ${cosine.toFixed(3)}  ${plain(text)}`
}

/** One line without control characters: a model may write anything, and a terminal would obey it. */
function plain(text: string): string {
  return text
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .replace(/ {2,}/g, ' ')
    .trim()
}
