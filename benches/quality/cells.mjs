// One cell of a table: a model compressed with one row's options and one calibration seed, then compared with the original.
// Results are kept under .work/bench/quality/cells, by a hash of everything that they depend on: an interrupted bench goes on.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBuilt, tryKerf } from '../lib/kerf.mjs'
import { hardware } from '../lib/machine.mjs'
import { fail, root, scratch } from '../lib/paths.mjs'
import { rescore } from './second-judge.mjs'

const digests = new Map()

/** Digest of a file, read once. */
function digest(path) {
  if (!digests.has(path)) digests.set(path, createHash('sha256').update(readFileSync(path)).digest('hex'))
  return digests.get(path)
}

/** The addon that this machine loads: whatever changes a result is in there. */
function addons() {
  ensureBuilt()
  const dist = join(root, 'dist')
  const files = readdirSync(dist).filter(file => file.endsWith('.node'))
  if (files.length === 0) fail('dist has no addon; npm run build makes one')
  return files.sort().map(file => digest(join(dist, file)))
}

/** A cell as a plan: what will run, and where its result is kept. */
export function planCell(model, row, seed, { threads, interpreter = null }) {
  const args = [...model.calibration(seed, row), ...row.args]
  const given = args.indexOf('--calibration')
  const calibration = given < 0 ? 'builtin' : digest(args[given + 1])
  const { path, measures } = model
  const measured = measures.map(([, file]) => digest(file))
  const key = { path, args, measures, calibration, measured, threads, addons: addons() }
  const text = JSON.stringify({ ...key, python: Boolean(interpreter) })
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 24)
  const file = join(scratch('quality', 'cells'), `${hash}.json`)
  return { model, row, seed, args, threads, interpreter, hash, file }
}

/** Whether the result is there. */
export const isDone = cell => existsSync(cell.file)

/** Runs a cell, or reads what it gave before. `{ failed }` instead of numbers if kerf refused. */
export async function runCell(cell) {
  if (isDone(cell)) return JSON.parse(readFileSync(cell.file, 'utf8'))
  const result = await compressAndCompare(cell)
  if (result.failed) return result
  writeFileSync(`${cell.file}.part`, JSON.stringify(result))
  renameSync(`${cell.file}.part`, cell.file)
  return result
}

async function compressAndCompare({ model, args, threads, interpreter, hash }) {
  const out = join(scratch('quality'), `out-${hash}`)
  // What an interrupted run left would be resumed, and its seconds would be those of the rest alone.
  const work = `${out}-work`
  for (const folder of [out, work]) rmSync(folder, { recursive: true, force: true })
  const common = ['--threads', threads]
  const how = ['--work-dir', work, '--no-config', '--no-estimate', ...args, ...common]
  const made = await tryKerf(['compress', model.path, '--out', out, ...how])
  rmSync(work, { recursive: true, force: true })
  if (made.code !== 0) return { failed: reason(made) }
  const comparisons = []
  for (const measure of model.measures) {
    const judged = await tryKerf(['compare', model.path, out, ...measure, ...common])
    if (judged.code !== 0) return { failed: reason(judged) }
    comparisons.push(judged.report)
  }
  const second = interpreter && (await rescore(interpreter, model, out, threads))
  rmSync(out, { recursive: true, force: true })
  const { layers, ...report } = made.report
  const [comparison] = comparisons
  return { args, machine: hardware(), layers: layers.length, report, comparison, comparisons, second }
}

function reason({ report }) {
  const { code, message } = report?.error ?? { code: 'CRASHED', message: 'no JSON was printed' }
  return { code, message }
}
