// npm run bench:peer: the whole `kerf compress` against a Python peer on the same sentences with the same threads.
// Runs alternate (peer, kerf, peer, kerf, ...), so that a busy minute hits both; medians are shown.
//   --repetitions 5 --threads 2 --sparsity 0.7 --bits 4 --json FILE --transformers (the peer over transformers' modules)
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBuilt, kerf } from '../lib/kerf.mjs'
import { flag, has, machine } from '../lib/machine.mjs'
import { measure, median } from '../lib/measure.mjs'
import { fail, root, scratch, sharedPath } from '../lib/paths.mjs'
import { python } from '../lib/python.mjs'
import { megabytes, seconds, table, times } from '../lib/table.mjs'

const threads = flag('threads', '2')
const sparsity = flag('sparsity', '0.7')
const bits = flag('bits', '4')
const repetitions = Number(flag('repetitions', '5'))
const model = sharedPath('models', 'all-MiniLM-L6-v2')
const calibration = sharedPath('text', 'stsb-calibration-512.txt')

async function runPeer(interpreter) {
  const script = join(root, 'benches', 'peer', 'sparsegpt.py')
  const forward = has('transformers') ? 'transformers' : 'lean'
  const out = scratch('peer', 'torch')
  const args = [script, model, '--calibration', calibration, '--sparsity', sparsity, '--bits', bits]
  const run = await measure(
    interpreter,
    [...args, '--threads', threads, '--forward', forward, '--save', out],
    {
      env: { OMP_NUM_THREADS: threads },
      quiet: true,
    },
  )
  if (run.code !== 0) fail(`the peer failed; run it by hand: ${interpreter} ${args.join(' ')}`)
  const report = JSON.parse(run.stdout)
  return {
    tokens: report.tokens,
    process: run.seconds,
    work: report.total_s,
    workAndSave: report.total_s + report.save_s,
    importing: report.import_s,
    forward: report.forward_s,
    solve: report.solve_s,
    rss: report.peak_rss_bytes || run.peakRssBytes, // before saving, which a leaner script could stream
    importRss: report.import_rss_bytes,
    name: `${report.peer}, ${forward} forward`,
  }
}

async function runKerf() {
  const out = join(scratch('peer'), 'kerf')
  rmSync(out, { recursive: true, force: true })
  const args = ['compress', model, '--out', out, '--calibration', calibration, '--tokens', '1000000', '--no-estimate']
  const { report, ...run } = await kerf([
    ...args,
    '--sparsity',
    sparsity,
    '--bits',
    bits,
    '--threads',
    threads,
  ])
  const phase = name => report.phases[name] ?? 0
  return {
    tokens: report.tokens,
    process: run.seconds,
    work: report.seconds,
    forward: phase('statistics') + phase('forward') + phase('calibrate'),
    solve: phase('solve'),
    rss: run.peakRssBytes || report.peakRssBytes,
    phases: report.phases,
    isa: report.isa,
  }
}

const medians = runs => {
  const numbers = Object.entries(runs[0]).filter(([, value]) => typeof value === 'number')
  return Object.fromEntries(numbers.map(([key]) => [key, median(runs.map(run => run[key]))]))
}

function show(peer, ours) {
  const row = (what, a, b, format) => [what, format(a), format(b), times(a / b)]
  return table([
    ['', 'peer', 'kerf', 'peer / kerf'],
    row(
      'whole job: peer without imports and saving, kerf the whole process',
      peer.work,
      ours.process,
      seconds,
    ),
    row('whole process, start to end, files written', peer.process, ours.process, seconds),
    row('work: peer load to last matrix, kerf `seconds` (files written)', peer.work, ours.work, seconds),
    row('forward and Hessians', peer.forward, ours.forward, seconds),
    row('solve', peer.solve, ours.solve, seconds),
    row('peak resident memory of the process', peer.rss, ours.rss, megabytes),
  ])
}

const interpreter = python()
ensureBuilt()
console.log(
  `# kerf compress against a PyTorch SparseGPT: MiniLM, ${sparsity} sparsity, ${bits} bits, ${threads} threads\n`,
)
console.log(`${machine()}\n`)
const runs = { peer: [], kerf: [] }
for (let i = 0; i < repetitions; i++) {
  runs.peer.push(await runPeer(interpreter))
  runs.kerf.push(await runKerf())
  const [a, b] = [runs.peer[i], runs.kerf[i]]
  process.stderr.write(`${i + 1} of ${repetitions}: peer ${seconds(a.work)}, kerf ${seconds(b.process)}\n`)
  if (a.tokens !== b.tokens) fail(`the peer saw ${a.tokens} tokens, kerf ${b.tokens}: not the same work`)
}
const [peer, ours] = [medians(runs.peer), medians(runs.kerf)]
console.log(show(peer, ours))
console.log(
  `\nMedians of ${repetitions} alternating runs, ${ours.tokens} tokens. Peer: ${runs.peer[0].name}; its imports take`,
)
console.log(
  `${seconds(peer.importing)} more, left out of its "work", and ${megabytes(peer.importRss)} of its memory. kerf: ${runs.kerf[0].isa}, phases of the last run:`,
)
const phases = Object.entries(runs.kerf.at(-1).phases)
console.log(phases.map(([name, value]) => `${name} ${seconds(value)}`).join(', '))
if (flag('json'))
  writeFileSync(flag('json'), JSON.stringify({ machine: machine(), peer, kerf: ours, runs }, null, 1))
