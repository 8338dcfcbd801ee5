import {
  renderReport,
  version,
  type CompressResult,
  type Inspection,
  type PlanReport,
  type ReportData,
} from '../browser.js'
import { bytes, duration, percent, sentence, significant } from '../format.js'
import { partsOf } from '../report/parts.js'
import type { Chosen } from './chosen.js'
import { button, el, section } from './dom.js'
import { failure } from './failure.js'
import { save, saveZip } from './saving.js'
import { sentencesSample } from './sample-sentences.js'
import { textSample } from './sample-text.js'

/** A run that is done. */
export interface Done {
  chosen: Chosen
  found: Inspection
  planned: PlanReport
  report: CompressResult
}

/** What came out: numbers, the download, samples of both models, charts. */
export function result(done: Done, onAgain: () => void): HTMLElement {
  const { chosen, found, report } = done
  const data = dataOf(done)
  const place = el('div')
  const head = section(
    'result',
    'Done',
    report.measured &&
      el('p', { class: `verdict ${report.measured.grade}` }, sentence(report.measured.summary)),
    tiles(report),
    el(
      'div',
      { class: 'actions' },
      action('Save the model (zip)', () => saveZip(report.out), { class: 'main' }),
      action('Save a report (HTML)', async () => {
        const page = await renderReport({ ...data, date: new Date().toISOString() })
        save(new Blob([page], { type: 'text/html' }), `${report.out}.html`)
      }),
      button('Other settings', onAgain),
    ),
    ...report.notes.map(note => el('p', { class: 'note' }, note)),
  )
  place.append(head)
  if (found.kind === 'decoder') place.append(textSample(chosen.model, report.out))
  if (found.kind === 'encoder') place.append(sentencesSample(chosen.model, report.out))
  place.append(drawn(data))
  return place
}

function tiles({
  inputBytes,
  outputBytes,
  bitsPerWeight,
  sparsity,
  seconds,
  resumedUnits,
}: CompressResult): HTMLElement {
  const tile = (name: string, value: string, remark: string): HTMLElement =>
    el(
      'div',
      { class: 'tile' },
      el('dt', {}, name),
      el('dd', {}, el('strong', {}, value), el('span', {}, remark)),
    )
  const resumed = resumedUnits === 0 ? 'in this tab' : `and ${resumedUnits} units done before`
  return el(
    'dl',
    { class: 'tiles' },
    tile('Size', bytes(outputBytes), `was ${bytes(inputBytes)}`),
    tile('Smaller', `${significant(inputBytes / outputBytes, 3)} times`, 'all files counted'),
    tile('Bits per weight', significant(bitsPerWeight, 3), `${percent(sparsity)} of the weights are zero`),
    tile('Time', duration(seconds), resumed),
  )
}
/** A button whose work takes a moment, and which says what went wrong. */
function action(text: string, work: () => Promise<void>, attributes = {}): HTMLElement {
  const made = button(
    text,
    () => {
      made.disabled = true
      work()
        .catch((error: unknown) => made.parentElement?.after(failure(error)))
        .finally(() => (made.disabled = false))
    },
    attributes,
  )
  return made
}

/** The charts, which are loaded now. */
function drawn(data: ReportData): HTMLElement {
  const place = el('div', { class: 'charts', 'aria-busy': true })
  import('./charts.js')
    .then(({ charts }) => (place.innerHTML = charts(data)))
    .catch((error: unknown) => place.replaceChildren(failure(error)))
    .finally(() => place.removeAttribute('aria-busy'))
  return place
}

function dataOf({ chosen, planned, report }: Done): ReportData {
  return {
    model: chosen.name,
    report,
    plan: planned,
    parts: partsOf(planned, report),
    qualityMissing: 'quality was not measured in the page',
    version: version(),
  }
}
