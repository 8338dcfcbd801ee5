import type { CompressResult } from '../../compress.js'
import type { CompressReport, LayerReport, Repair } from '../../generated/index.js'
import { headlineOf, othersOf } from '../../quality/words.js'
import { resultParts } from '../../report/parts.js'
import type { Screen } from '../screen.js'
import { bytes, duration, integer, percent, plural, significant, textUse } from '../../format.js'
import { describe } from './plan.js'
import { showSamples } from './samples.js'
import { facts, notes } from './table.js'

/** Shows what was done. */
export function showReport(model: string, report: CompressResult, screen: Screen): void {
  const { colors } = screen
  screen.line()
  screen.line(`${colors.bold(model)}  ${report.architecture}`)
  screen.line()
  facts(screen, [
    ['how', describe(report.options)],
    ['before', bytes(report.inputBytes)],
    [
      'after',
      bytes(report.outputBytes),
      `${significant(report.inputBytes / report.outputBytes, 3)} times smaller`,
    ],
    ['of that', parts(report)],
    [
      'sparsity',
      percent(report.sparsity),
      `of ${plural(report.layers.length, 'matrix').replace('matrixs', 'matrices')}`,
    ],
    ['bits per weight', significant(report.bitsPerWeight, 3), embeddings(report)],
    ['output error', outputError(report.layers)],
    ...recovery(report),
    ...verdict(report),
    ...quality(report),
    ['calibration', report.tokens === 0 ? 'none' : textUse(report.tokens, report.text)],
    [
      'time',
      duration(report.seconds),
      `${foreseen(report)}${report.isa}, ${plural(report.threads, 'thread')}${resumed(report)}`,
    ],
    ['peak memory', memory(report)],
    ['repairs', repairs(report.repairs)],
    ['where', report.out],
    ...(report.reportFile === undefined ? [] : [['report', report.reportFile] as const]),
  ])
  const { original, small: result, samples } = report.quality ?? {}
  const measured = [...(original?.notes ?? []), ...(result?.notes ?? [])]
  notes(screen, [...new Set([...report.notes, ...measured])])
  showSamples(samples ?? [], screen)
}

/** "linear layers 3.1 MB, embeddings 12.1 MB, everything else 1.4 MB". */
function parts(report: CompressReport): string {
  const { target, embedding, other } = resultParts(report)
  const words = [`linear layers ${bytes(target)}`]
  if (embedding > 0) words.push(`embeddings ${bytes(embedding)}`)
  return [...words, `everything else ${bytes(other)}`].join(', ')
}

/** What was taught after the solver. */
function recovery({ recovered = [] }: CompressReport): [string, string, string][] {
  const [first] = recovered
  if (first === undefined) return []
  const seconds = recovered.reduce((sum, part) => sum + part.seconds, 0)
  const losses = recovered.map(({ before, after }) => 1 - after / before)
  const better = losses.reduce((sum, share) => sum + share, 0) / losses.length
  const what = first.block === undefined ? 'the whole model' : plural(recovered.length, 'block')
  const remark = `${what}, ${integer(first.tokens)} tokens, ${duration(seconds)}`
  return [['recovery', `held-out loss ${percent(better)} lower`, remark]]
}

/** What the run found out about its own result, in one sentence. */
function verdict({ measured }: CompressReport): [string, string][] {
  return measured === undefined ? [] : [['the result', measured.summary]]
}

/** A row for the measure that says most, and one for the others. */
function quality({ quality }: CompressResult): [string, string, string?][] {
  if (quality === undefined) return []
  const { name, value, remark } = headlineOf(quality)
  const others = othersOf(quality)
  return [[name, value, others === '' ? remark : `${others}; ${remark}`]]
}

/** All repairs in one line: "damping raised 2, dead columns 1". */
export function repairs(list: readonly Repair[]): string {
  const words: Record<Repair['kind'], string> = {
    dampingRaised: 'damping raised',
    deadColumns: 'dead columns',
    fallback: 'another method used',
    ownInputs: 'not aimed at the dense model',
    outOfRange: 'weights out of the range of f16',
  }
  const counts = new Map<string, number>()
  for (const { kind } of list) counts.set(words[kind], (counts.get(words[kind]) ?? 0) + 1)
  if (counts.size === 0) return 'none'
  return [...counts]
    .map(([word, count]) => `${word} in ${plural(count, 'matrix').replace('matrixs', 'matrices')}`)
    .join(', ')
}

function embeddings({ embeddingBitsPerWeight }: CompressReport): string {
  if (embeddingBitsPerWeight === undefined) return 'target matrices'
  return `target matrices; embeddings ${significant(embeddingBitsPerWeight, 3)}`
}

function outputError(layers: readonly LayerReport[]): string {
  const measured = layers.filter(layer => layer.relativeOutputError !== undefined)
  const sorted = [...measured].sort((a, b) => (a.relativeOutputError ?? 0) - (b.relativeOutputError ?? 0))
  const median = sorted[Math.floor(sorted.length / 2)]?.relativeOutputError
  const worst = sorted.at(-1)
  if (median === undefined || worst === undefined) return 'not measured without calibration'
  return `median ${significant(median, 3)}, largest ${significant(worst.relativeOutputError ?? 0, 3)} (${worst.name})`
}

function memory({ peakRssBytes, plannedPeakBytes }: CompressReport): string {
  const planned = `${bytes(plannedPeakBytes)} planned`
  return peakRssBytes === 0 ? planned : `${bytes(peakRssBytes)} (${planned})`
}

function foreseen({ plannedSeconds }: CompressReport): string {
  return plannedSeconds === undefined ? '' : `(${duration(plannedSeconds)} foreseen) `
}

function resumed({ resumedUnits }: CompressReport): string {
  return resumedUnits === 0 ? '' : `, ${plural(resumedUnits, 'unit')} taken over from an interrupted run`
}
