import { duration, integer, percent, significant } from '../../format.js'
import type { ReportData } from '../data.js'
import type { Markup } from '../page/html.js'
import { section, table } from '../page/table.js'

/** What was taught after the solver, part by part. */
export function recoverySection({ report }: ReportData): Markup | undefined {
  const { recovered = [] } = report
  if (recovered.length === 0) return undefined
  const rows = recovered.map(({ block, tokens, steps, seconds, before, after }) => [
    block === undefined ? 'the whole model' : `block ${block}`,
    integer(tokens),
    integer(steps),
    significant(before, 3),
    significant(after, 3),
    percent(1 - after / before),
    duration(seconds),
  ])
  const heads = ['part', 'tokens', 'steps', 'loss before', 'loss after', 'lower by', 'time']
  const columns = heads.map((text, index) => ({ text, number: index > 0 }))
  const lead =
    'After the solver, what survived was taught to do what the dense model does. The loss is that of text that was held out of the teaching; a part that did not get better stayed as it was.'
  return section('recovery', 'Recovery', lead, table('Recovery', columns, rows))
}
