// node benches/plan/run.mjs: how long inspect and plan take on a sharded 7B model, and how much they read. Nothing of it is in
// memory or on disk: its weights are holes.
import { rmSync } from 'node:fs'
import { kerf } from '../lib/kerf.mjs'
import { writeLargeModel } from '../lib/large-model.mjs'
import { machine } from '../lib/machine.mjs'
import { scratch } from '../lib/paths.mjs'
import { seconds, table } from '../lib/table.mjs'

const folder = scratch('7b-shaped')
writeLargeModel(folder)
const rows = [['command', 'whole process, best of 5', 'peak memory', 'foreseen time']]
for (const args of [['inspect'], ['plan'], ['plan', '--no-estimate'], ['plan', '--method', 'rtn']]) {
  const runs = []
  for (let i = 0; i < 5; i++) runs.push(await kerf([args[0], folder, ...args.slice(1)]))
  const best = runs.reduce((a, b) => (a.seconds < b.seconds ? a : b))
  const memory = `${(best.peakRssBytes / 1e6).toFixed(0)} MB`
  const hours = best.report.seconds === undefined ? '-' : `${(best.report.seconds / 3600).toFixed(2)} h`
  rows.push([`kerf ${args.join(' ')}`, seconds(best.seconds), memory, hours])
}
rmSync(folder, { recursive: true, force: true })
console.log(`${table(rows)}\n\n${machine()}`)
