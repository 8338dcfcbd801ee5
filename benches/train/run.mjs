// npm run bench:train: steps per second and peak memory of training (forward, backward, AdamW) against PyTorch eager, on the same
// batches with the same threads. Each run is a process of its own; runs alternate, so that a busy minute hits both.
//   --threads 1,2 --repetitions 3 --steps 6 --sequences 32 --tokens 64 --keep MEGABYTES --binary PATH (of the example, already built)
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { flag, machine } from '../lib/machine.mjs'
import { measure, median } from '../lib/measure.mjs'
import { fail, root, sharedPath } from '../lib/paths.mjs'
import { python } from '../lib/python.mjs'
import { fixed, megabytes, table, times } from '../lib/table.mjs'

const repetitions = Number(flag('repetitions', '3'))
const steps = flag('steps', '6')
const [sequences, tokens] = [flag('sequences', '32'), flag('tokens', '64')]
const keep = flag('keep')

/** Losses of both must agree at each step: relative to their size. Both compute in f32, in another order. */
const TOLERANCE = 1e-3

/** Path of the example that does kerf's steps. */
function example() {
  const given = flag('binary')
  if (given) return given
  const args = ['build', '-q', '--release', '-p', 'kerf-train', '--example', 'step']
  const { status } = spawnSync('cargo', args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (status !== 0) fail(`cargo ${args.join(' ')} failed`)
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target')
  return join(target, 'release', 'examples', process.platform === 'win32' ? 'step.exe' : 'step')
}

async function report(command, args, threads) {
  const env = { OMP_NUM_THREADS: threads, HF_HUB_OFFLINE: '1' }
  const run = await measure(command, args, { env, quiet: true })
  if (run.code !== 0) fail(`failed; run it by hand: ${command} ${args.join(' ')}`)
  return JSON.parse(run.stdout)
}

function kerf(binary, folder, threads) {
  const args = [folder, sequences, tokens, threads, steps, ...(keep ? [keep] : [])]
  return report(binary, args, threads)
}

function peer(interpreter, folder, threads) {
  const script = join(root, 'benches', 'train', 'pytorch_step.py')
  const sizes = ['--batch', sequences, '--tokens', tokens, '--threads', threads, '--steps', steps]
  return report(interpreter, [script, folder, ...sizes], threads)
}

/** Both must have learned the same, or they did not do the same work. */
function sameLosses(name, ours, theirs) {
  ours.losses.forEach((loss, step) => {
    const other = theirs.losses[step]
    if (Math.abs(loss - other) > TOLERANCE * Math.abs(other))
      fail(`${name}, step ${step + 1}: loss ${loss} of kerf, ${other} of PyTorch: not the same work`)
  })
}

/** Steps per second, by the median step without the first of each run, and the highest peak. */
const summary = runs => ({
  rate: 1 / median(runs.flatMap(run => run.seconds.slice(1))),
  peak: Math.max(...runs.map(run => run.peakBytes)),
})

const [interpreter, binary] = [python(), example()]
console.log(`# A training step against PyTorch eager: ${sequences} sequences of ${tokens} tokens, f32, AdamW\n`)
console.log(`${machine()}\n`)
const head = ['model', 'threads', 'PyTorch steps/s', 'kerf steps/s', 'kerf / PyTorch']
const rows = [[...head, 'PyTorch peak', 'kerf peak', 'kerf / PyTorch']]
let last
for (const name of ['all-MiniLM-L6-v2', 'classics-6M']) {
  const folder = sharedPath('models', name)
  for (const threads of flag('threads', '1,2').split(',')) {
    const [theirs, ours] = [[], []]
    for (let at = 0; at < repetitions; at++) {
      theirs.push(await peer(interpreter, folder, threads))
      ours.push(await kerf(binary, folder, threads))
      sameLosses(name, ours[at], theirs[at])
      process.stderr.write(`${name}, ${threads} threads: ${at + 1} of ${repetitions}\n`)
    }
    const [a, b] = [summary(theirs), summary(ours)]
    const memory = [megabytes(a.peak), megabytes(b.peak), times(b.peak / a.peak)]
    rows.push([name, threads, fixed(a.rate, 2), fixed(b.rate, 2), times(b.rate / a.rate), ...memory])
    last = { torch: theirs[0].torch, imported: theirs[0].importedBytes, isa: ours[0].isa }
  }
}
console.log(table(rows))
console.log(
  `\n${repetitions} alternating runs of ${steps} steps each, the median step but the first. The peak is that of the process; importing`,
)
console.log(`torch ${last.torch} alone takes ${megabytes(last.imported)} of it. kerf: ${last.isa}, dropout is off in both.`)
