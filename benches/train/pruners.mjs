// npm run bench:pruners: which pruner keeps most while a model learns, equally tuned: the learning rate of each is chosen by seed 0 on a
// share of the training data; then all seeds are measured on data that neither training nor tuning saw.
//   --case sst2 (see cases.mjs) --sparsity 0.95 --pruners mgpp,gradual --rates 1e-4,2e-4 --seeds 0,1,2
import { summary, withSpread } from '../quality/statistics.mjs'
import { flag, machine } from '../lib/machine.mjs'
import { fail } from '../lib/paths.mjs'
import { table } from '../lib/table.mjs'
import { cases } from './cases.mjs'
import { trial } from './trials.mjs'

const name = flag('case', 'sst2')
if (!(name in cases)) fail(`--case is one of ${Object.keys(cases).join(', ')}`)
const given = cases[name]()
const numbers = (flagName, fallback) => flag(flagName, fallback).split(',').map(Number)
const sparsity = Number(flag('sparsity', '0.95'))
const pruners = flag('pruners', 'mgpp,gradual,l2,movement,platon').split(',')
const [rates, seeds] = [numbers('rates', '1e-4,2e-4'), numbers('seeds', '0,1,2')]

async function run(wanted) {
  const cell = await trial(given, { sparsity, ...wanted })
  const { pruner, rate, seed } = wanted
  const told = `held-out loss ${cell.held.toFixed(4)}, score ${cell.score.toFixed(given.digits)}`
  process.stderr.write(`${name} ${sparsity} ${pruner}, rate ${rate}, seed ${seed}: ${told}\n`)
  return cell
}

/** The rate whose held-out loss is least. */
async function tuned(pruner) {
  let best
  for (const rate of rates) {
    const cell = await run({ pruner, rate, seed: seeds[0] })
    if (!best || cell.held < best.held) best = { rate, held: cell.held }
  }
  return best.rate
}

const measured = []
for (const pruner of pruners) {
  const rate = await tuned(pruner)
  const cells = []
  for (const seed of seeds) cells.push(await run({ pruner, rate, seed }))
  measured.push({ pruner, rate, cells })
}

console.log(`# ${given.title}; ${100 * sparsity} % of the blocks' weights removed\n\n${machine()}\n`)
const rows = [['pruner', 'learning rate', 'score', 'held-out loss', 'by seed', 'first pruner minus this, by seed']]
for (const { pruner, rate, cells } of measured) {
  const scores = cells.map(cell => cell.score)
  const ahead = cells.map((cell, seed) => measured[0].cells[seed].score - cell.score)
  rows.push([
    pruner,
    String(rate),
    withSpread(summary(scores), given.digits),
    withSpread(summary(cells.map(cell => cell.held)), 4),
    scores.map(score => score.toFixed(given.digits)).join(' '),
    pruner === measured[0].pruner ? '-' : withSpread(summary(ahead), given.digits),
  ])
}
console.log(table(rows))
