// Methods without calibration over a large cached file: how fast weights stream through, in GB of input a second.
//   --gigabytes 2   --threads 2   --repetitions 3
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { kerf } from '../lib/kerf.mjs'
import { flag, machine } from '../lib/machine.mjs'
import { median } from '../lib/measure.mjs'
import { scratch } from '../lib/paths.mjs'
import { fixed, seconds, table } from '../lib/table.mjs'

const ROWS = 4096
const COLS = 4096
const MATRIX_BYTES = ROWS * COLS * 4
const TARGET = 1 // GB/s

/** About normal f32 values, the same on every machine. */
function randomMatrix(seed) {
  let state = seed >>> 0 || 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
  return Float32Array.from({ length: ROWS * COLS }, () => (next() + next() + next() - 1.5) * 0.04)
}

/** A model folder whose architecture nobody knows: data-free methods take every 2-D matrix. Written once, reused. */
function writeModel(folder, matrices) {
  if (existsSync(folder)) return
  const part = `${folder}.part`
  rmSync(part, { recursive: true, force: true })
  mkdirSync(part, { recursive: true })
  const entries = {}
  for (let i = 0; i < matrices; i++) {
    const data_offsets = [i * MATRIX_BYTES, (i + 1) * MATRIX_BYTES]
    entries[`layers.${i}.weight`] = { dtype: 'F32', shape: [ROWS, COLS], data_offsets }
  }
  let json = Buffer.from(JSON.stringify(entries))
  json = Buffer.concat([json, Buffer.alloc(-json.length & 7, ' ')])
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const file = openSync(join(part, 'model.safetensors'), 'w')
  writeAll(file, Buffer.concat([length, json]))
  for (let i = 0; i < matrices; i++) writeAll(file, new Uint8Array(randomMatrix(i + 1).buffer))
  closeSync(file)
  writeFileSync(join(part, 'config.json'), JSON.stringify({ model_type: 'kerf_bench_matrices' }))
  renameSync(part, folder)
}

function writeAll(file, bytes) {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
}

/** Reads the file once, so that the page cache holds it; returns its size. */
function warm(path) {
  const file = openSync(path, 'r')
  const buffer = Buffer.alloc(1 << 24)
  while (readSync(file, buffer) > 0);
  closeSync(file)
  return statSync(path).size
}

async function time(folder, args) {
  const runs = []
  for (let i = 0; i < Number(flag('repetitions', '3')); i++) {
    const out = join(scratch('datafree'), 'out')
    rmSync(out, { recursive: true, force: true })
    const run = await kerf(['compress', folder, '--out', out, ...args, '--no-estimate', '--threads', flag('threads', '2')])
    runs.push({ engine: run.report.seconds, wall: run.seconds, phases: run.report.phases })
    rmSync(out, { recursive: true, force: true })
  }
  return {
    engine: median(runs.map(r => r.engine)),
    wall: median(runs.map(r => r.wall)),
    phases: runs.at(-1).phases,
  }
}

const matrices = Math.max(1, Math.round((Number(flag('gigabytes', '2')) * 1e9) / MATRIX_BYTES))
const folder = join(scratch('datafree'), `matrices-${matrices}`)
writeModel(folder, matrices)
const bytes = warm(join(folder, 'model.safetensors'))
const cases = [
  ['rtn, 4 bit', ['--method', 'rtn', '--bits', '4']],
  ['magnitude 70 %, 4 bit', ['--method', 'magnitude', '--sparsity', '0.7', '--bits', '4']],
  ['magnitude 70 %, floats', ['--method', 'magnitude', '--sparsity', '0.7', '--bits', '16']],
]
console.log(
  `# Data-free methods over a cached file of ${(bytes / 1e9).toFixed(2)} GB (f32)\n\n${machine()}\n`,
)
const rows = [['', 'input GB/s (engine)', 'input GB/s (process)', 'engine', 'process', `${TARGET} GB/s`]]
const phases = []
for (const [name, args] of cases) {
  const run = await time(folder, args)
  const rate = bytes / 1e9 / run.engine
  rows.push([
    name,
    fixed(rate, 2),
    fixed(bytes / 1e9 / run.wall, 2),
    seconds(run.engine),
    seconds(run.wall),
    rate >= TARGET ? 'yes' : 'NO',
  ])
  phases.push(
    `${name}: ${Object.entries(run.phases)
      .map(([k, v]) => `${k} ${seconds(v)}`)
      .join(', ')}`,
  )
}
console.log(`${table(rows)}\n\n${phases.join('\n')}`)
