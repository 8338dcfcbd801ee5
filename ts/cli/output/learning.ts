import type { FinetuneResult } from '../../finetune.js'
import { integer, percent, plural, shellWord, significant } from '../../format.js'
import type { Screen } from '../screen.js'
import { measuresOf } from './measures.js'
import { runFacts, runTitle } from './run-facts.js'
import { facts, notes, table } from './table.js'

/** Rows of the table of losses, about. */
const ROWS = 12

/** Shows what was learned. */
export function showLearning(model: string, report: FinetuneResult, screen: Screen): void {
  const { colors } = screen
  runTitle(screen, model, report)
  curve(report, screen)
  screen.line()
  const cut = report.truncated === 0 ? '' : `, ${integer(report.truncated)} of them cut at --max-tokens`
  facts(screen, [
    ['task', report.task, `method ${report.method}`],
    ['learned from', plural(report.examples, 'example'), `${integer(report.tokens)} tokens${cut}`],
    [
      'held-out loss',
      `${significant(report.lossBefore, 4)} to ${significant(report.lossAfter, 4)}`,
      `over ${plural(report.heldOutExamples, 'example')}`,
    ],
    ...(report.measured === undefined ? [] : measuresOf(report.measured)),
    ['sparsity', percent(report.sparsity), 'of the target matrices'],
    ['steps', integer(report.steps), `the result is that of step ${integer(report.bestStep)}`],
    ...runFacts(report),
  ])
  notes(screen, report.notes)
  const next = report.sparsity > 0 ? '--keep-mask --bits 4' : '--preset light'
  screen.line()
  screen.line(colors.dim('Next:'))
  screen.line(`  kerf compress ${shellWord(report.out)} ${next}`)
}

/** Losses on the way. */
function curve({ curve }: FinetuneResult, screen: Screen): void {
  const every = Math.ceil(curve.length / ROWS)
  const shown = curve.filter((_, index) => index % every === 0 || index === curve.length - 1)
  const rows = shown.map(point => [
    integer(point.step),
    point.loss === undefined ? '' : significant(point.loss, 4),
    point.heldOut === undefined ? '' : significant(point.heldOut, 4),
    percent(point.sparsity),
  ])
  const heads = ['step', 'loss', 'held-out', 'zeros'].map((head, index) => ({ head, right: index > 0 }))
  table(screen, heads, rows)
}
