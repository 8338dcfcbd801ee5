// npm run bench:quality: what compression costs in quality, mean and spread over calibration seeds, beside what rivals reach on the
// same data; writes RESULTS.md. Finished cells are kept (.work/bench/quality/cells): run it again and it goes on.
//   --quick        a dozen rows, one seed: minutes; prints only
//   --only REGEX   rows whose "MODEL NAME" matches, such as '^classics-6M (obs|joint) 70'; prints only
//   --ablations    the second table alone; prints only
//   --seeds N      calibration seeds (default 3)
//   --python       checks every cell again with transformers (score.py); without it, kerf's own `compare` is the judge
//   --grid         instead: what each size costs with the default method; writes docs/what-to-expect.md
//   --threads N    of each cell (default 2)
//   --jobs N       runs N cells side by side, for a machine with cores to spare; the tables are then without times (default 1)
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { flag, has } from '../lib/machine.mjs'
import { fail, root } from '../lib/paths.mjs'
import { python } from '../lib/python.mjs'
import { ablations } from './ablations.mjs'
import { TIME_BASELINE, cases } from './cases.mjs'
import { writeGrid } from './grid.mjs'
import { languageModel, sentenceModel } from './models.mjs'
import { begin, measureRows } from './rows.mjs'
import { rowTable } from './tables.mjs'
import { equalBytes, schedulesAgainstUniform } from './verdicts.mjs'

const threads = flag('threads', '2')
const jobs = Number(flag('jobs', '1'))
if (!Number.isInteger(jobs) || jobs < 1) fail('--jobs takes a number from 1')
const timed = jobs === 1
if (has('grid')) {
  console.log(await writeGrid(threads, jobs))
  process.exit(0)
}

const quick = has('quick')
const only = flag('only') && new RegExp(flag('only'))
const seeds = quick ? 1 : Number(flag('seeds', '3'))
if (!Number.isInteger(seeds) || seeds < 1) fail('--seeds takes a number from 1')
const how = { seeds, threads, interpreter: has('python') ? python() : null }
const whole = !quick && !only && !has('ablations')

const wanted = model => row => (!quick || row.quick) && (!only || only.test(`${model.id} ${row.name}`))
const models = [sentenceModel(), languageModel()]
const baseline = cases.filter(row => row.name === TIME_BASELINE)

/** What there is to do: the rows of each table, model by model. */
const mainWork = models.map(model => ({ model, rows: cases.filter(wanted(model)), how }))
/** Ablations are of one seed: their rows differ by more, or are alike. */
const once = { ...how, seeds: 1 }
const groups = quick ? [] : ablations
const ablationWork = models.map(model => {
  const kept = groups.map(({ title, rows }) => ({ title, rows: rows.filter(wanted(model)) }))
  const filled = kept.filter(({ rows }) => rows.length)
  return { model, groups: filled, rows: filled.length ? [...baseline, ...filled.flatMap(g => g.rows)] : [], how: once }
})
const doMain = !has('ablations')
const allWork = [...(doMain ? mainWork : []), ...ablationWork].filter(({ rows }) => rows.length)
const watch = await begin(allWork, jobs)
let failures = 0

async function mainTable({ model, rows }) {
  const measured = await measureRows(model, rows, how, watch)
  remember(measured)
  failures += measured.filter(row => row.failed).length
  const first = measured.find(row => !row.failed)
  const title = `## ${first ? model.title(first.comparison) : model.id}`
  const list = rowTable(model, measured, { rivals: true, timed })
  const verdicts = [equalBytes(model, measured), schedulesAgainstUniform(model, measured)].filter(Boolean)
  return [title, list, model.notes, ...verdicts].join('\n\n')
}

async function ablationTables({ model, groups, rows }) {
  const measured = await measureRows(model, rows, once, watch)
  remember(measured)
  failures += measured.filter(row => row.failed).length
  const byName = new Map(measured.map(row => [row.name, row]))
  const tables = groups.flatMap(group => [
    `#### ${group.title}`,
    rowTable(
      model,
      group.rows.map(row => byName.get(row.name)),
      { timed, of: measured },
    ),
  ])
  return [`### ${model.id}`, ...tables].join('\n\n')
}

const command = ['npm run bench:quality', process.argv.slice(2).join(' ')].filter(Boolean).join(' -- ')
const timing = timed
  ? `time is the least of the seeds, and its ratio to \`${TIME_BASELINE}\``
  : 'what a row costs in time, npm run bench:cost says'
const about =
  `Mean ± sample standard deviation over ${seeds} calibration seed${seeds > 1 ? 's' : ''}; one value: seed 0 alone. Bits a weight count all bytes of the linear layers, bytes all files of the folder;\n` +
  `${timing}. No bits in a name: floats of the source. Default options otherwise.`
const parts = []
const machines = new Set()
const remember = rows => {
  for (const { results = [] } of rows) for (const result of results) machines.add(result.machine)
}

/** RESULTS.md is written as soon as there is a whole table, and again with the ablations. */
function publish() {
  const where = [...machines].join('; ')
  const header = `Written by \`${command}\` on ${where}, --threads ${threads}.\n${about}`
  const text = `${['# Quality of compressed models', header, ...parts].join('\n\n')}\n`
  if (whole) writeFileSync(join(root, 'benches', 'quality', 'RESULTS.md'), text)
  return text
}

if (doMain) {
  for (const work of mainWork) if (work.rows.length) parts.push(await mainTable(work))
  publish()
}
const ablated = ablationWork.filter(work => work.rows.length)
if (ablated.length) parts.push('## Ablations', 'Calibration seed 0 alone.')
for (const work of ablated) parts.push(await ablationTables(work))
console.log(publish())
if (failures > 0) fail(`${failures} rows failed; the table names them`)
