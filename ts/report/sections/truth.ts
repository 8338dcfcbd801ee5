import { bytes, duration, percent } from '../../format.js'
import type { ReportData } from '../data.js'
import type { Markup } from '../page/html.js'
import { section, table } from '../page/table.js'

/** What the plan had promised beside what came. */
export function truthSection({ report }: ReportData): Markup {
  const rows = [
    row('peak memory', report.plannedPeakBytes, report.peakRssBytes || undefined, bytes),
    row('bytes of the result', report.plannedOutputBytes, report.outputBytes, bytes),
    row('time', report.plannedSeconds, report.seconds, duration),
  ]
  const heads = [
    { text: '' },
    { text: 'planned', number: true },
    { text: 'measured', number: true },
    { text: 'share', number: true },
  ]
  const lead = 'What was promised before the start. Peak memory is that of the whole process, Node included.'
  return section('truth', 'Plan and truth', lead, table('Plan and truth', heads, rows))
}

function row(
  name: string,
  planned: number | undefined,
  measured: number | undefined,
  format: (value: number) => string,
): string[] {
  const share = planned && measured !== undefined ? percent(measured / planned) : ''
  const show = (value: number | undefined, none: string): string =>
    value === undefined ? none : format(value)
  return [name, show(planned, 'not estimated'), show(measured, 'not told by the system'), share]
}
