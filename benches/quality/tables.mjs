// Measured rows as Markdown.
import { fixed, table, times } from '../lib/table.mjs'
import { TIME_BASELINE } from './cases.mjs'
import { rival } from './rivals.mjs'
import { withSpread } from './statistics.mjs'

const megabytes = bytes => `${(bytes / 1e6).toFixed(2)} MB`

/** The table of rows: `rivals` adds what rivals reach; with `timed`, seconds and their ratio to the time baseline among `of`. */
export function rowTable(model, rows, { rivals = false, timed = true, of = rows } = {}) {
  const judged = rows.some(row => row.second)
  const baseline = timed && timeBaseline(of)
  const head = [
    'kerf',
    ...model.scores.map(score => score.name),
    ...(rivals ? ['rival'] : []),
    ...['bits a weight', 'zeros', 'bytes'],
    ...(timed ? ['time', 'to obs'] : []),
    ...(judged ? ['by transformers'] : []),
  ]
  const line = row => {
    if (row.failed) return [row.name, `failed: ${row.failed.code}`, ...head.slice(2).map(() => '-')]
    return [
      row.name,
      ...scores(model, row.scores),
      ...(rivals ? [rival(model.id, row.name)] : []),
      ...size(row),
      ...(timed ? cost(row, baseline) : []),
      ...(judged ? [row.second ? scores(model, row.second).join(', ') : '-'] : []),
    ]
  }
  return table([head, ...rows.map(line)])
}

const scores = (model, list) => list.map((score, i) => withSpread(score, model.scores[i].digits))

const size = row => [fixed(row.bits, 2), `${(row.zeros * 100).toFixed(0)} %`, megabytes(row.bytes)]

const cost = (row, baseline) => [
  `${row.seconds.toFixed(1)} s`,
  baseline ? times(row.seconds / baseline.seconds) : '-',
]

/** The row that times are divided by, if it was measured. */
const timeBaseline = rows => rows.find(row => row.name === TIME_BASELINE && !row.failed)
