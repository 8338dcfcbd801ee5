// The page about a training. This file and all it imports is loaded when a page is wanted.
import { integer, percent, plural, significant } from '../../format.js'
import type { FinetuneReport, LearningPoint } from '../../generated/index.js'
import { depthChart, legend, type Line } from '../charts/depth.js'
import { linearScale } from '../charts/scale.js'
import { lookOf } from '../charts/series.js'
import { html, type Markup } from '../page/html.js'
import { section, table, tile } from '../page/table.js'
import { wholePage } from '../page/whole.js'
import { runTook } from '../sections/how-made.js'
import { notesSection } from '../sections/notes.js'

/** All that a page about a training shows. */
export interface LearningData {
  /** Name of the model, as its folder is called. */
  model: string
  report: FinetuneReport
  /** The command that does the same again. */
  command?: string
  /** Version of kerf. */
  version?: string
  /** When the run ended, as ISO 8601. */
  date?: string
}

/** A training as one HTML file that loads nothing. */
export function renderLearning(data: LearningData): Promise<string> {
  const { report, version, date } = data
  return wholePage({
    title: `${data.model} – kerf training`,
    ...(version !== undefined && { version }),
    ...(date !== undefined && { date }),
    machine: `${report.isa}, ${plural(report.threads, 'thread')}`,
    sections: [
      headline(data),
      losses(report),
      sparsities(report),
      notesSection(data),
      run(data),
      points(report),
    ],
  })
}

function headline({ model, report }: LearningData): Markup {
  const { lossBefore, lossAfter } = report
  return html`<header>
    <p class="brand"><span class="logo" aria-hidden="true">kerf</span> training report</p>
    <h1 dir="auto">${model}</h1>
    <p class="subtitle">${report.architecture} · ${report.task} · method ${report.method}</p>
    <dl class="tiles">
      ${tile('Held-out loss', significant(lossAfter, 4), [
        `${significant(lossBefore, 4)} before the first step`,
      ])}
      ${measured(report)}
      ${tile('Removed', percent(report.sparsity), ['of the weights of the matrices of the blocks'])}
      ${tile('Steps', integer(report.steps), [`the result is that of step ${integer(report.bestStep)}`])}
    </dl>
  </header> `
}

/** The measure that people ask for first. */
function measured({ measured, heldOutExamples }: FinetuneReport): Markup {
  const { classification, answering, completions, spearman, perplexity } = measured ?? {}
  if (classification)
    return tile('Accuracy', percent(classification.accuracy), [`of ${plural(classification.texts, 'text')}`])
  if (answering) return tile('F1', percent(answering.f1), [`of ${plural(answering.questions, 'question')}`])
  if (completions) {
    const of = `of ${plural(completions.texts, 'completion')}`
    return tile('Perplexity', significant(completions.perplexity, 4), [of])
  }
  if (spearman !== undefined) return tile('Spearman', significant(spearman, 4), ['on the held-out pairs'])
  if (perplexity !== undefined)
    return tile('Perplexity', significant(perplexity, 4), ['on the held-out text'])
  return tile('Held out', integer(heldOutExamples), ['examples that were only measured'])
}

type Value = (point: LearningPoint) => number | undefined

function line(name: string, index: number, curve: readonly LearningPoint[], of: Value): Line {
  const points = curve.flatMap((point, x) => {
    const y = of(point)
    return y === undefined ? [] : [{ x, y, tip: `step ${integer(point.step)}: ${name} ${significant(y, 4)}` }]
  })
  return { name, look: lookOf(index), points }
}

/** Loss over the steps, learned and held out. */
function losses({ curve, lossBefore, lossAfter }: FinetuneReport): Markup | undefined {
  if (curve.length < 2) return undefined
  const lines = [
    line('held-out loss', 0, curve, point => point.heldOut),
    line('loss', 1, curve, point => point.loss),
  ]
  const values = lines.flatMap(({ points }) => points.map(({ y }) => y))
  const remark = `held out ${significant(lossBefore, 4)} to ${significant(lossAfter, 4)}`
  const lead =
    'The loss is a mean over the steps since the point before; the held-out loss is of examples that nothing is learned from.'
  return section('losses', 'The way of the loss', lead, [
    legend(new Map(lines.map(({ name, look }) => [name, look]))),
    depthChart({
      ...{ id: 'chart-loss', title: 'Loss', remark, lines, axis: 'step', wide: true },
      description: `${remark}. The table at the end of the page has every value.`,
      places: curve.map(({ step }) => integer(step)),
      scale: linearScale(values),
      format: value => String(Number(value.toPrecision(3))),
    }),
  ])
}

/** Sparsity and learning rate over the steps, if weights were removed. */
function sparsities({ curve, sparsity }: FinetuneReport): Markup | undefined {
  if (sparsity === 0 || curve.length < 2) return undefined
  const lines = [line('removed', 2, curve, point => point.sparsity)]
  const remark = `0 % to ${percent(sparsity)}`
  return section('sparsity', 'What was removed when', 'Share of the weights that the last cut removed.', [
    depthChart({
      ...{ id: 'chart-removed', title: 'Removed', remark, lines, axis: 'step', wide: true },
      description: `${remark}. The table at the end of the page has every value.`,
      places: curve.map(({ step }) => integer(step)),
      scale: { max: 1, interval: 0.25 },
      format: percent,
    }),
  ])
}

/** How the result was made: the command that does it again, the time, the memory. */
function run({ report, command }: LearningData): Markup {
  return runTook(report, command, [
    ['learned from', `${plural(report.examples, 'example')}, ${integer(report.tokens)} tokens`],
    ['held out', plural(report.heldOutExamples, 'example')],
    ['weights that learned', integer(report.learned)],
  ])
}

function points({ curve }: FinetuneReport): Markup {
  const number = (value: number | undefined): string => (value === undefined ? '' : significant(value, 5))
  const rows = curve.map(point => [
    integer(point.step),
    number(point.loss),
    number(point.heldOut),
    point.learningRate.toExponential(2),
    percent(point.sparsity),
  ])
  const heads = ['step', 'loss', 'held-out loss', 'learning rate', 'removed']
  const columns = heads.map(text => ({ text, number: true }))
  return section('points', 'All points', undefined, table('Points', columns, rows))
}
