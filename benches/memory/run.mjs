// Peak memory of `kerf compress` on LLaMA-7B-shaped blocks: it must not grow with their number, and a limit must be kept.
//   --methods   planned against measured for every method and schedule, on two small models and a wide block (methods.mjs)
//   --blocks 2,4   --tokens 4096   --limit 2.5GiB (none: leaves that run out)   --threads 2   --keep (keeps the models)
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { tryKerf } from '../lib/kerf.mjs'
import { flag, has, machine } from '../lib/machine.mjs'
import { scratch, sharedPath } from '../lib/paths.mjs'
import { gibibytes, seconds, table } from '../lib/table.mjs'
import { writeLlamaBlocks } from './llama_blocks.mjs'
import { compareMethods } from './methods.mjs'

const TARGET_BYTES = 3.5 * 2 ** 30
const UNITS = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, KB: 1e3, MB: 1e6, GB: 1e9 }
const blocks = flag('blocks', '2,4').split(',').map(Number)
const limit = flag('limit', '2.5GiB')
const tokens = flag('tokens', '4096')
const calibration = sharedPath('text', 'tinystories-train.txt')

const toBytes = size => {
  const [, number, unit] = /^([\d.]+)\s*([KMG]i?B)$/.exec(size)
  return Number(number) * UNITS[unit]
}

async function compress(folder, name, extra) {
  const out = join(scratch('memory'), 'out')
  rmSync(out, { recursive: true, force: true })
  const args = ['compress', folder, '--out', out, '--calibration', calibration, '--tokens', tokens]
  const run = await tryKerf([...args, '--threads', flag('threads', '2'), ...extra])
  rmSync(out, { recursive: true, force: true })
  const allowed = extra.length ? toBytes(limit) : TARGET_BYTES
  const kept =
    run.code !== 0
      ? `failed: ${run.report?.error?.message ?? 'no message'}`
      : run.peakRssBytes <= allowed
        ? 'yes'
        : 'NO'
  process.stderr.write(`${name}: ${kept}\n`)
  return { row: cells(name, run, allowed, kept), ok: kept === 'yes' }
}

function cells(name, { report, seconds: wall, peakRssBytes }, allowed, kept) {
  const told = report?.peakRssBytes ? gibibytes(report.peakRssBytes) : '-'
  const planned = report?.plannedPeakBytes ? gibibytes(report.plannedPeakBytes) : '-'
  return [name, gibibytes(peakRssBytes), told, planned, gibibytes(allowed), kept, seconds(wall)]
}

async function compareBlocks() {
  console.log(
    `# Peak memory, LLaMA-7B-shaped blocks, ${tokens} calibration tokens, 70 % + 4 bit\n\n${machine()}\n`,
  )
  const results = []
  for (const n of blocks) {
    const folder = join(scratch('memory'), `llama-${n}-blocks`)
    writeLlamaBlocks(folder, n, sharedPath('models', 'stories260K'))
    results.push(await compress(folder, `${n} block${n > 1 ? 's' : ''}`, []))
    const last = n === blocks.at(-1)
    if (last && limit !== 'none')
      results.push(await compress(folder, `${n} blocks, --max-memory ${limit}`, ['--max-memory', limit]))
    if (!has('keep')) rmSync(folder, { recursive: true, force: true })
  }
  const head = ['', 'peak, seen from outside', 'peak, in the report', 'planned', 'allowed', 'kept', 'time']
  console.log(table([head, ...results.map(r => r.row)]))
  return results.every(r => r.ok)
}

const kept = has('methods') ? await compareMethods() : await compareBlocks()
process.exitCode = kept ? 0 : 1
