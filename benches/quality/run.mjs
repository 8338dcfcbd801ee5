// npm run bench:quality: what compression costs in quality, beside what rivals reach on the same data; writes RESULTS.md.
//   --quick    the four methods that PEERS.md has on MiniLM, no Python: a minute or two
//   --python   checks every row again with transformers (score.py); without it, kerf's own `compare` is the judge
//   --grid     instead: what each share of removed weights costs at each number of bits; writes docs/what-to-expect.md
//   --threads N
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kerf } from '../lib/kerf.mjs'
import { flag, has, machine } from '../lib/machine.mjs'
import { measure } from '../lib/measure.mjs'
import { fail, root, scratch, sharedPath } from '../lib/paths.mjs'
import { python } from '../lib/python.mjs'
import { fixed, megabytes, seconds, table } from '../lib/table.mjs'
import { CLASSICS_PREFIX_BYTES, languageCases, sentenceCases } from './cases.mjs'
import { writeGrid } from './grid.mjs'

const threads = flag('threads', '2')
const interpreter = has('python') ? python() : null

async function compress(model, calibration, { name, args }) {
  const out = join(scratch('quality'), name.replace(/[^a-z0-9]+/g, '-'))
  rmSync(out, { recursive: true, force: true })
  const { report } = await kerf([
    'compress',
    model,
    '--out',
    out,
    ...calibration,
    ...args,
    '--threads',
    threads,
  ])
  return { out, report }
}

/** The second judge: transformers on a dense export. Null unless asked for. */
async function rescore(model, out, args) {
  if (!interpreter) return null
  const dense = `${out}-dense`
  rmSync(dense, { recursive: true, force: true })
  await kerf(['convert', out, '--format', 'safetensors', '--out', dense])
  const script = join(root, 'benches', 'quality', 'score.py')
  const run = await measure(interpreter, [script, model, dense, ...args, '--threads', threads], {
    quiet: true,
  })
  rmSync(dense, { recursive: true, force: true })
  return run.code === 0
    ? JSON.parse(run.stdout)
    : fail(`${script} ${model} ${dense} ${args.join(' ')} failed`)
}

async function judge(model, calibration, measureArgs, row) {
  const { out, report } = await compress(model, calibration, row)
  const { report: scores } = await kerf(['compare', model, out, ...measureArgs, '--threads', threads])
  const second = await rescore(model, out, measureArgs)
  rmSync(out, { recursive: true, force: true })
  process.stderr.write(`${row.name} done\n`)
  return { ...row, report, scores, second }
}

const sizes = ({ report }) => [
  fixed(report.bitsPerWeight, 2),
  megabytes(report.outputBytes),
  seconds(report.seconds),
]

async function sentenceTable(cases) {
  const model = sharedPath('models', 'all-MiniLM-L6-v2')
  const calibration = ['--calibration', sharedPath('text', 'stsb-calibration-512.txt'), '--tokens', '1000000']
  const pairs = ['--pairs', sharedPath('tasks', 'stsb', 'stsb-en-dev.csv')]
  const rows = []
  for (const row of cases) rows.push(await judge(model, calibration, pairs, row))
  const head = ['kerf', 'cosine', 'peer', 'Spearman', 'peer', 'bits a weight', 'bytes', 'time']
  if (interpreter) head.push('cosine, Spearman by transformers')
  const line = r => {
    const cells = [
      fixed(r.scores.meanCosineFirst),
      fixed(r.peer?.cosine),
      fixed(r.scores.small.spearman),
      fixed(r.peer?.spearman),
    ]
    const again = r.second ? [`${fixed(r.second.meanCosineFirst)}, ${fixed(r.second.small.spearman)}`] : []
    return [r.name, ...cells, ...sizes(r), ...again]
  }
  const dense = rows[0].scores.original.spearman
  const title = `## all-MiniLM-L6-v2, STS-B dev (${rows[0].scores.small.pairs} pairs), dense Spearman ${fixed(dense, 4)}`
  return `${title}\n\n${table([head, ...rows.map(line)])}\n\ncosine: of first sentences to the dense model's.`
}

async function languageTable(cases) {
  const model = sharedPath('models', 'classics-6M')
  const calibration = ['--calibration', sharedPath('text', 'classics-train.txt'), '--tokens', '16384']
  const text = join(scratch('quality'), 'classics-200-windows.txt')
  writeFileSync(
    text,
    readFileSync(sharedPath('text', 'classics-valid.txt')).subarray(0, CLASSICS_PREFIX_BYTES),
  )
  const rows = []
  for (const row of cases)
    rows.push(await judge(model, calibration, ['--text', text, '--context', '256'], row))
  const head = ['kerf', 'perplexity', 'peer', 'kl', 'same top token', 'bits a weight', 'bytes', 'time']
  if (interpreter) head.push('perplexity by transformers')
  const line = r => {
    const cells = [
      fixed(r.scores.small.perplexity, 2),
      fixed(r.peer?.perplexity, 2),
      fixed(r.scores.kl),
      fixed(r.scores.topTokenAgreement),
    ]
    return [r.name, ...cells, ...sizes(r), ...(r.second ? [fixed(r.second.small.perplexity, 2)] : [])]
  }
  const { perplexity, tokens } = rows[0].scores.original
  const title = `## classics-6M, first 200 windows of 256 tokens (${tokens} predictions), dense perplexity ${fixed(perplexity, 2)}`
  return `${title}\n\n${table([head, ...rows.map(line)])}`
}

if (has('grid')) {
  console.log(await writeGrid(threads))
  process.exit(0)
}

const quick = has('quick')
const command = `npm run bench:quality${quick ? ' -- --quick' : interpreter ? ' -- --python' : ''}`
const parts = [
  '# Quality of compressed models',
  `Written by \`${command}\` on ${machine()}. "peer" is what the reference implementations reach on the same data, uniform schedule\n(magnitude per matrix, Wanda per row, SparseGPT for obs; GPTQ where nothing is pruned; their 4 bit: one scale a row).`,
  await sentenceTable(sentenceCases.filter(row => row.quick || !quick)),
]
if (!quick) parts.push(await languageTable(languageCases))
const text = `${parts.join('\n\n')}\n`
writeFileSync(join(root, 'benches', 'quality', 'RESULTS.md'), text)
console.log(text)
