// Planned against measured peak memory of every method, and of every schedule of the default one.
//   --methods   --only REGEX (of "MODEL METHOD")   --threads 2
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { tryKerf } from '../lib/kerf.mjs'
import { flag, machine } from '../lib/machine.mjs'
import { scratch, sharedPath } from '../lib/paths.mjs'
import { megabytes, seconds, table } from '../lib/table.mjs'
import { writeLlamaBlocks } from './llama_blocks.mjs'

/** A plan that is larger than this many times what was needed is worth little. */
const MOST = 1.5
const WIDE = { hidden: 2048, mlp: 5504, heads: 16 }
const RUNS = [
  ...['rtn', 'magnitude', 'wanda', 'obs', 'descent', 'admm', 'joint'].map(id => ({
    name: id,
    args: ['--method', id],
  })),
  { name: 'joint, uniform', args: ['--schedule', 'uniform'] },
  { name: 'joint, error-levels', args: ['--schedule', 'error-levels'] },
  { name: 'joint, search', args: ['--schedule', 'search', '--generations', '2'] },
  { name: 'entropy', args: ['--target-bits', '2'] },
]
const only = new RegExp(flag('only', ''))

function models() {
  const wide = join(scratch('memory'), 'wide-block')
  writeLlamaBlocks(wide, 1, sharedPath('models', 'stories260K'), WIDE)
  const text = name => sharedPath('text', name)
  return [
    {
      id: 'MiniLM',
      path: sharedPath('models', 'all-MiniLM-L6-v2'),
      calibration: text('stsb-calibration-512.txt'),
    },
    { id: 'classics-6M', path: sharedPath('models', 'classics-6M'), calibration: text('classics-train.txt') },
    { id: 'wide block', path: wide, calibration: text('tinystories-train.txt'), args: ['--tokens', '4096'] },
  ]
}

async function measureRun(model, { name, args }) {
  const out = join(scratch('memory'), 'out')
  rmSync(out, { recursive: true, force: true })
  const how = [
    '--no-config',
    '--no-estimate',
    '--calibration',
    model.calibration,
    '--threads',
    flag('threads', '2'),
  ]
  const run = await tryKerf(['compress', model.path, '--out', out, ...how, ...(model.args ?? []), ...args])
  rmSync(out, { recursive: true, force: true })
  const { report } = run
  if (run.code !== 0)
    return { row: [model.id, name, `failed: ${report?.error?.message}`, '', '', '', ''], ok: false }
  const ratio = report.plannedPeakBytes / run.peakRssBytes
  const verdict = ratio < 1 ? 'NO' : ratio > MOST ? 'too large' : 'yes'
  process.stderr.write(`${model.id} ${name}: ${ratio.toFixed(2)} ${verdict}\n`)
  const sizes = [megabytes(run.peakRssBytes), megabytes(report.plannedPeakBytes), ratio.toFixed(2)]
  return { row: [model.id, name, ...sizes, verdict, seconds(run.seconds)], ok: verdict === 'yes' }
}

/** Whether every plan was kept, and close. */
export async function compareMethods() {
  console.log(`# Planned and measured peak memory\n\n${machine()}\n`)
  const results = []
  for (const model of models())
    for (const run of RUNS.filter(({ name }) => only.test(`${model.id} ${name}`)))
      results.push(await measureRun(model, run))
  const head = ['model', 'run', 'peak, seen from outside', 'planned', 'ratio', 'kept, and close', 'time']
  console.log(table([head, ...results.map(result => result.row)]))
  return results.every(result => result.ok)
}
