import type { Inspection } from '../browser.js'
import { bytes, integer, plural } from '../format.js'
import type { Chosen } from './chosen.js'
import { button, el, facts, section } from './dom.js'

const KINDS: Readonly<Record<string, string>> = { decoder: 'writes text', encoder: 'gives vectors' }

/** What the chosen model is. */
export function summary({ name }: Chosen, found: Inspection, onOther: () => void): HTMLElement {
  const { architecture, kind, known, parameters, blocks, hidden } = found
  const rows: [string, string][] = [
    ['architecture', architecture],
    ['parameters', integer(parameters)],
    ['bytes', bytes(found.bytes)],
    ['tensors', integer(found.tensors.length)],
  ]
  if (kind !== undefined) rows.splice(1, 0, ['what it does', KINDS[kind] ?? kind])
  if (blocks > 0) rows.push(['network', `${plural(blocks, 'block')}, ${integer(hidden)} wide`])
  return section(
    'model',
    name,
    facts(rows),
    !known &&
      el(
        'p',
        { class: 'note' },
        'Kerf cannot run this architecture, so it can only look at the weights, and cannot show samples.',
      ),
    el('div', { class: 'actions' }, button('Choose another model', onOther)),
  )
}
