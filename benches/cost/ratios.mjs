// Wall time of `kerf compress` at 70 % + 4 bit against `--method obs --schedule uniform` on as many tokens. Runs alternate, so that a
// busy minute hits both; medians count.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { kerf } from '../lib/kerf.mjs'
import { flag } from '../lib/machine.mjs'
import { median } from '../lib/measure.mjs'
import { fail, scratch } from '../lib/paths.mjs'
import { seconds, table, times } from '../lib/table.mjs'
import { models } from './models.mjs'

const threads = flag('threads', '2')
const repetitions = Number(flag('repetitions', '5'))
const only = new RegExp(flag('only', ''))

/** What the estimate of error-levels may take of its run. */
const SURVEY_LIMIT = 0.1

/** `limit`: times plain OBS; `search` has none, it states its own. */
const CASES = [
  { name: 'fast', args: ['--quality', 'fast'], limit: 1.2 },
  { name: 'balanced', args: ['--quality', 'balanced'], limit: 3 },
  { name: 'best', args: ['--quality', 'best'], limit: 8 },
  { name: 'balanced, error-levels', args: ['--schedule', 'error-levels'], limit: 3, surveyed: true },
  { name: 'obs, error-levels', args: ['--method', 'obs', '--schedule', 'error-levels'], surveyed: true },
  { name: 'balanced, search', args: ['--schedule', 'search'], repetitions: 1 },
]

const share = value => `${(100 * value).toFixed(1)} %`
const verdict = (value, limit) => (value <= limit ? 'yes' : 'NO')

async function compress(model, args) {
  const out = join(scratch('cost'), 'out')
  const work = `${out}-work`
  for (const folder of [out, work]) rmSync(folder, { recursive: true, force: true })
  const text = ['--calibration', model.calibration, '--seed', '0']
  const size = ['--sparsity', '0.7', '--bits', '4']
  const how = ['--no-config', '--no-estimate', '--work-dir', work, '--threads', threads]
  const run = await kerf(['compress', model.path, '--out', out, ...size, ...text, ...how, ...args])
  for (const folder of [out, work]) rmSync(folder, { recursive: true, force: true })
  return run
}

/** Both, in turn, each one first as often as second: what comes first meets another state of the machine. */
async function measureCase(model, { name, args, limit, surveyed, repetitions: own }) {
  const [runs, plain] = [[], []]
  // The first round begins with the run, whose tokens the plain ones take.
  const baseline = () => ['--method', 'obs', '--schedule', 'uniform', '--tokens', String(runs[0].report.options.tokens)]
  const both = [
    async () => runs.push(await compress(model, args)),
    async () => plain.push(await compress(model, baseline())),
  ]
  for (let i = 0; i < (own ?? repetitions); i++) {
    for (const one of i % 2 ? both.toReversed() : both) await one()
  }
  const tokens = runs[0].report.tokens
  if (plain[0].report.tokens !== tokens) fail(`${name}: ${tokens} tokens against ${plain[0].report.tokens}`)
  const of = (runs, value) => median(runs.map(value))
  const wall = run => run.seconds
  const own_ = run => run.report.seconds
  const survey = run => (run.report.phases.survey ?? 0) / run.report.seconds
  return {
    model: model.id,
    name,
    tokens,
    limit,
    surveyed: Boolean(surveyed),
    seconds: of(runs, wall),
    plain: of(plain, wall),
    ratio: of(runs, wall) / of(plain, wall),
    engineRatio: of(runs, own_) / of(plain, own_),
    survey: of(runs, survey),
    phases: runs[0].report.phases,
  }
}

const held = row =>
  (row.limit === undefined || row.ratio <= row.limit) && (!row.surveyed || row.survey < SURVEY_LIMIT)

function cells(row) {
  const limit = row.limit === undefined ? '-' : String(row.limit)
  return [
    row.model,
    row.name,
    row.tokens,
    seconds(row.seconds),
    seconds(row.plain),
    times(row.ratio),
    limit,
    row.limit === undefined ? '-' : verdict(row.ratio, row.limit),
    times(row.engineRatio),
    row.survey > 0 ? share(row.survey) : '-',
    row.surveyed ? (row.survey < SURVEY_LIMIT ? 'yes' : 'NO') : '-',
  ]
}

/** All cases on all models. */
export async function measureRatios() {
  const rows = []
  for (const model of models()) {
    const chosen = CASES.filter(({ name }) => only.test(`${model.id} ${name}`))
    if (chosen.length > 0) await compress(model, ['--method', 'obs', '--schedule', 'uniform']) // fills the file cache
    for (const one of chosen) {
      const row = await measureCase(model, one)
      process.stderr.write(`${row.model} ${row.name}: ${times(row.ratio)}\n`)
      rows.push(row)
    }
  }
  const head = ['model', 'run', 'tokens', 'time', 'plain obs', 'ratio', 'limit', 'kept']
  const text = [
    `# Cost against \`--method obs --schedule uniform\`, 70 % + 4 bit, ${threads} threads, medians of ${repetitions}`,
    'Time is that of the whole process; *engine* is the ratio without the start of Node and the reading of the text. *survey*: what is looked\n' +
      `at before the first matrix is solved, of the run; that of error-levels may take a tenth. \`search\` ran once.`,
    table([[...head, 'engine', 'survey', 'below a tenth'], ...rows.map(cells)]),
  ]
  return { text: text.join('\n\n'), data: { threads, repetitions, rows }, kept: rows.every(held) }
}
