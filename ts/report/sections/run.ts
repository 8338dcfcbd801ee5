import { duration, integer, plural, textUse } from '../../format.js'
import type { CompressReport } from '../../generated/index.js'
import { stackedBars } from '../charts/bars.js'
import type { ReportData } from '../data.js'
import { html, type Content, type Markup } from '../page/html.js'
import { factList, table } from '../page/table.js'
import { howMade } from './how-made.js'

const PHASES = ['plan', 'calibrate', 'statistics', 'solve', 'forward', 'write']
/** A phase that takes less of the time than this is one of the others. */
const LEAST_SHARE = 0.005

/** How the result was made: the command that does it again, the time, all options. */
export function runSection({ report, command }: ReportData): Markup {
  return howMade(command, [facts(report), phases(report), options(report)])
}

function facts(report: CompressReport): Markup {
  const rows: [string, string][] = [
    ['calibration', report.tokens === 0 ? 'none' : textUse(report.tokens, report.text)],
    ['instruction set', report.isa],
    ['threads', integer(report.threads)],
    ['time', duration(report.seconds)],
  ]
  if (report.resumedUnits > 0) {
    rows.push(['taken over', `${plural(report.resumedUnits, 'unit')} of an interrupted run`])
  }
  return factList(rows)
}

function phases({ phases }: CompressReport): Content {
  const named = [...PHASES, ...Object.keys(phases).filter(name => !PHASES.includes(name))]
  const times = named.flatMap((name, i) => {
    const seconds = phases[name] ?? 0
    return seconds > 0 ? [{ name, seconds, i }] : []
  })
  const total = times.reduce((sum, time) => sum + time.seconds, 0)
  if (total === 0) return undefined
  const large = times.filter(time => time.seconds >= total * LEAST_SHARE)
  const spoken = (time: { name: string; seconds: number }): string => `${time.name} ${fine(time.seconds)}`
  return stackedBars({
    id: 'chart-phases',
    title: 'Where the time went',
    description: times.map(spoken).join(', '),
    bars: ['time'],
    segments: large.map(time => ({
      name: time.name,
      legend: spoken(time),
      color: `var(--phase-${time.i % PHASES.length})`,
      onColor: `var(--on-phase-${time.i % PHASES.length})`,
      values: [time.seconds],
    })),
    format: fine,
  })
}

/** Phases of a small model take milliseconds. */
function fine(seconds: number): string {
  return seconds < 0.9995 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : duration(seconds)
}

function options({ options }: CompressReport): Markup {
  const rows = Object.entries(options).map(([name, value]): string[] => [
    name,
    typeof value === 'object' ? JSON.stringify(value) : String(value),
  ])
  return html`<details>
    <summary>All options, with every default filled in</summary>
    ${table('Options', [{ text: 'option' }, { text: 'value' }], rows)}
  </details>`
}
