// The page about a router. This file and all it imports is loaded when a page is wanted.
import { integer, percent, plural, significant } from '../../format.js'
import type { RouteReport } from '../../generated/index.js'
import { columnChart } from '../charts/columns.js'
import { depthChart } from '../charts/depth.js'
import { heatMap } from '../charts/heat-map.js'
import { linearScale } from '../charts/scale.js'
import { lookOf } from '../charts/series.js'
import { html, type Markup } from '../page/html.js'
import { section, table, tile } from '../page/table.js'
import { wholePage } from '../page/whole.js'
import { runTook } from '../sections/how-made.js'
import { notesSection } from '../sections/notes.js'

/** All that a page about a router shows. */
export interface RoutingData {
  /** Name of the model, as its folder is called. */
  model: string
  report: RouteReport
  /** The command that does the same again. */
  command?: string
  /** Version of kerf. */
  version?: string
  /** When the run ended, as ISO 8601. */
  date?: string
}

/** A router as one HTML file that loads nothing. */
export function renderRouting(data: RoutingData): Promise<string> {
  const { report, version, date } = data
  return wholePage({
    title: `${data.model} – kerf router`,
    ...(version !== undefined && { version }),
    ...(date !== undefined && { date }),
    machine: `${report.isa}, ${plural(report.threads, 'thread')}`,
    sections: [
      headline(data),
      schedule(report),
      costs(report),
      learning(report),
      kept(report),
      notesSection(data),
      run(data),
    ],
  })
}

function headline({ model, report }: RoutingData): Markup {
  const own = report.measured.at(-1)
  const { denseSeconds, routedSeconds, tokens } = report.prefill
  return html`<header>
    <p class="brand"><span class="logo" aria-hidden="true">kerf</span> routing report</p>
    <h1 dir="auto">${model}</h1>
    <p class="subtitle">
      ${report.architecture} · router ${report.router} · ${percent(report.tokenSparsity)} of tokens skip a
      block
    </p>
    <dl class="tiles">
      ${tile('Skipped', percent(own?.skipped ?? 0), ['of pairs of a token and a block, as measured'])}
      ${tile('KL to the dense model', significant(own?.kl ?? 0, 3), ['nats a token, on held-out text'])}
      ${tile('Perplexity', significant(own?.perplexity ?? 0, 4), [
        `dense ${significant(report.densePerplexity, 4)}`,
      ])}
      ${tile('Prompt', `${significant(routedSeconds, 3)} s`, [
        `of ${plural(tokens, 'token')}; dense ${significant(denseSeconds, 3)} s`,
      ])}
    </dl>
  </header> `
}

/** How much each block skips. */
function schedule({ sparsity, tokenSparsity }: RouteReport): Markup {
  const most = sparsity.indexOf(Math.max(...sparsity))
  const remark = `mean ${percent(tokenSparsity)}, most in block ${most}`
  const lead = 'The share of tokens that pass a block by, with their hidden state unchanged.'
  return section('schedule', 'What each block skips', lead, [
    columnChart({
      ...{ id: 'chart-schedule', title: 'Skipped tokens', remark, axis: 'block' },
      description: sparsity.map((share, block) => `block ${block} ${percent(share)}`).join(', '),
      places: sparsity.map((_, block) => String(block)),
      values: sparsity,
      format: percent,
    }),
  ])
}

/** The router beside its rivals. */
function costs(report: RouteReport): Markup {
  const { measured, densePerplexity, denseSeconds, heldOutWindows, window, prompt } = report
  const dense = [
    'dense',
    '',
    percent(0),
    significant(densePerplexity, 4),
    '0',
    percent(1),
    `${significant(denseSeconds, 3)} s`,
  ]
  const rows = measured.map(row => [
    row.router,
    row.schedule,
    percent(row.skipped),
    significant(row.perplexity, 4),
    significant(row.kl, 3),
    percent(row.topTokenAgreement),
    `${significant(row.seconds, 3)} s`,
  ])
  const heads = ['router', 'schedule', 'skipped', 'perplexity', 'KL', 'same top token', 'time']
  const columns = heads.map((text, index) => ({ text, number: index > 1 }))
  const lead = `On ${plural(heldOutWindows, 'window')} of ${integer(window)} tokens that nothing was searched on. The first ${integer(prompt)} of each are a routed prompt; the others are predicted through the decoding path, so that nothing looks ahead. The last row is the result.`
  return section('costs', 'What it costs', lead, table('Routers', columns, [dense, ...rows]))
}

/** The way of the KL while the router learned. */
function learning({ learning }: RouteReport): Markup | undefined {
  if (learning === undefined || learning.curve.length < 2) return undefined
  const { curve, klStatic, klLearned } = learning
  const points = curve.map(({ step, kl }, x) => ({
    x,
    y: kl,
    tip: `step ${integer(step)}: KL ${significant(kl, 4)}`,
  }))
  const remark = `${significant(klLearned, 3)} at the end; the static rule has ${significant(klStatic, 3)}`
  const lead = 'KL to the dense model on text that is held out of the training.'
  return section('learning', 'How it learned', lead, [
    depthChart({
      ...{ id: 'chart-learning', title: 'KL', remark, axis: 'step', wide: true },
      lines: [{ name: 'KL', look: lookOf(0), points }],
      description: points.map(({ tip }) => tip).join('; '),
      places: curve.map(({ step }) => integer(step)),
      scale: linearScale(points.map(({ y }) => y)),
      format: value => String(Number(value.toPrecision(3))),
    }),
  ])
}

/** What becomes of the tokens of a prompt. */
function kept({ kept }: RouteReport): Markup {
  const all = kept.tokens.length * kept.blocks.length
  const through = kept.blocks.flat().filter(Boolean).length
  const lead = `The first ${plural(kept.tokens.length, 'token')} of a held-out text as a prompt. A filled square is a token that goes through a block.`
  return section('kept', 'Tokens of a prompt', lead, [
    heatMap({
      ...{ id: 'chart-kept', title: 'Tokens (across) and blocks (down)' },
      description: `${percent(through / Math.max(1, all))} of the pairs of a token and a block are computed`,
      ...kept,
    }),
  ])
}

/** How the result was made: the command that does it again, the time, the memory. */
function run({ report, command }: RoutingData): Markup {
  return runTook(report, command, [
    ['searched on', `${plural(report.windows, 'window')} of ${integer(report.window)} tokens`],
    ['generations', integer(report.generations)],
  ])
}
