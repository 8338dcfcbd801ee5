// A block of LLaMA-7B's shape through the whole of `kerf compress`, itemised by the report's `work`, and what follows for the model.
//
// Two blocks of random weights are written and the first is compressed. Of the second one matrix is, by magnitude: without a matrix to
// come nobody would carry the tokens over the end of the first.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kerf } from '../lib/kerf.mjs'
import { flag, has } from '../lib/machine.mjs'
import { fail, scratch, sharedPath } from '../lib/paths.mjs'
import { gibibytes, seconds, table } from '../lib/table.mjs'
import { writeLlamaBlocks } from '../memory/llama_blocks.mjs'
import { productPeak } from './peak.mjs'
import { distanceFlops, measuredTokens, probeFlops } from './whole.mjs'

const BLOCKS = 32
const HOURS = 3
/** Attention is not in the formula of the probe. */
const TOLERANCE = 0.1
const RULES = [
  { match: { blocks: 1, role: 'k' }, method: 'magnitude', sparsity: 0.5 },
  { match: { blocks: 1 }, keep: true },
]

const threads = flag('threads', '2')
const tokens = flag('tokens', '16384')
const quality = flag('quality', 'balanced')

async function compress() {
  const folder = join(scratch('cost'), 'llama-block')
  writeLlamaBlocks(folder, 2, sharedPath('models', 'stories260K'))
  const out = join(scratch('cost'), 'block-out')
  const work = `${out}-work`
  for (const path of [out, work]) rmSync(path, { recursive: true, force: true })
  const config = join(scratch('cost'), 'block.config.json')
  writeFileSync(config, JSON.stringify({ rules: RULES }))
  const text = ['--calibration', sharedPath('text', 'tinystories-train.txt'), '--tokens', tokens]
  const size = ['--sparsity', '0.7', '--bits', '4', '--quality', quality]
  const how = ['--config', config, '--no-estimate', '--work-dir', work, '--threads', threads]
  const run = await kerf(['compress', folder, '--out', out, ...size, ...text, ...how])
  for (const path of [out, work]) rmSync(path, { recursive: true, force: true })
  if (!has('keep')) rmSync(folder, { recursive: true, force: true })
  return run
}

const add = (a, b) => ({ seconds: a.seconds + b.seconds, flops: a.flops + b.flops })
const total = items => items.reduce(add, { seconds: 0, flops: 0 })
const scaled = ({ seconds, flops }, by) => ({ seconds: seconds * by, flops: flops * by })

/** Steps of the first block, and of the probe, which belongs to none. */
function itemise(work) {
  const ofBlock = work.filter(item => item.block === 0)
  const survey = work.filter(item => item.phase === 'survey')
  return { ofBlock, survey }
}

/** The probe of the whole model: tokens through matrices and logits by formula at the measured rate, all else by the number of blocks. */
function wholeProbe(survey) {
  if (survey.length === 0) return { seconds: 0, flops: 0 }
  const network = total(survey.filter(item => item.step === 'network'))
  const foreseen = probeFlops(Number(tokens), 2, 1)
  const off = network.flops / foreseen - 1
  if (Math.abs(off) > TOLERANCE)
    fail(
      `the probe did ${network.flops} flops, benches/cost/whole.mjs foresees ${foreseen}: mend its formula`,
    )
  const rest = total(survey.filter(item => !['network', 'distance'].includes(item.step)))
  const logits = distanceFlops(Number(tokens), BLOCKS)
  const whole = probeFlops(Number(tokens), BLOCKS, BLOCKS) * (1 + off) + logits
  return add(scaled(rest, BLOCKS), scaled(network, whole / network.flops))
}

const tera = flops => (flops > 0 ? (flops / 1e12).toFixed(2) : '-')
const rate = ({ flops, seconds }) => (flops > 0 && seconds > 0 ? (flops / seconds / 1e9).toFixed(0) : '-')
const hours = value => `${(value / 3600).toFixed(2)} h`

function itemTable({ ofBlock, survey }, peak) {
  const line = (phase, step, spent) => {
    const of = spent.flops > 0 ? `${((100 * spent.flops) / spent.seconds / 1e9 / peak).toFixed(0)} %` : '-'
    return [phase, step, tera(spent.flops), rate(spent), of, seconds(spent.seconds)]
  }
  const rows = [...survey, ...ofBlock].map(item => line(item.phase, item.step, item))
  const head = ['phase', 'step', 'TFLOP', 'GFLOP/s', 'of the peak', 'time']
  const sums = [line('', '**block, without survey**', total(ofBlock))]
  if (survey.length > 0) sums.unshift(line('', '**survey**', total(survey)))
  return table([head, ...rows, ...sums])
}

/** Runs it all. */
export async function measureBlock() {
  const before = await productPeak(threads)
  const run = await compress()
  const after = await productPeak(threads)
  const peak = (before + after) / 2
  const items = itemise(run.report.work)
  const probe = wholeProbe(items.survey)
  const blocks = scaled(total(items.ofBlock), BLOCKS)
  const whole = add(blocks, probe)
  const atPeak = whole.flops / (peak * 1e9)
  const kept = atPeak <= HOURS * 3600
  const { report } = run
  const lines = [
    ['', 'TFLOP', 'at the peak', 'as measured'],
    [`${BLOCKS} blocks`, tera(blocks.flops), hours(blocks.flops / peak / 1e9), hours(blocks.seconds)],
    ['survey', tera(probe.flops), hours(probe.flops / peak / 1e9), hours(probe.seconds)],
    ['all', tera(whole.flops), hours(atPeak), hours(whole.seconds)],
  ]
  const text = [
    `# A block of LLaMA-7B's shape, ${report.tokens} tokens, ${quality}, 70 % + 4 bit, ${threads} threads`,
    `Method ${report.options.method}, schedule ${report.options.schedule}, blend ${report.options.blend}, ${report.options.iterations} iterations, ` +
      `${report.options.sweeps} sweeps. Product of 2048 x 4096 x 4096: ${before.toFixed(0)} GFLOP/s before, ${after.toFixed(0)} after; the peak is their mean.\n` +
      'Flops are counted by the engine where they are done: products, factorizations, column loops. What is done element by element has none.',
    itemTable(items, peak),
    `Whole process ${seconds(run.seconds)}, peak memory ${gibibytes(run.peakRssBytes)} (planned ${gibibytes(report.plannedPeakBytes)}).`,
    table(lines),
    `The probe of this run measured on ${measuredTokens(Number(tokens), 1)} tokens, that of ${BLOCKS} blocks would on ${measuredTokens(Number(tokens), BLOCKS)}.\n` +
      `At most ${HOURS} h at the peak: ${kept ? 'kept' : 'NOT kept'}.`,
  ]
  return { text: text.join('\n\n'), data: { peaks: [before, after], report, whole, atPeak }, kept }
}
