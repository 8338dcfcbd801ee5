import { integer, percent, plural, shellWord, significant } from '../../format.js'
import type { RouteResult } from '../../route.js'
import type { Screen } from '../screen.js'
import { runFacts, runTitle } from './run-facts.js'
import { facts, notes, table } from './table.js'

/** Shows what was found. */
export function showRouting(model: string, report: RouteResult, screen: Screen): void {
  const { colors } = screen
  runTitle(screen, model, report)
  routers(report, screen)
  screen.line()
  const { tokens, denseSeconds, routedSeconds } = report.prefill
  const held = `the first ${integer(report.prompt)} of each a prompt`
  facts(screen, [
    ['router', report.router, `${percent(report.tokenSparsity)} of tokens skip a block`],
    ...learned(report),
    ['by block', report.sparsity.map(share => percent(share)).join(' ')],
    [
      'prompt',
      `${significant(routedSeconds, 3)} s`,
      `of ${plural(tokens, 'token')}; dense ${significant(denseSeconds, 3)} s`,
    ],
    ['searched on', `${plural(report.windows, 'window')} of ${integer(report.window)} tokens`],
    ['measured on', plural(report.heldOutWindows, 'window'), held],
    ...runFacts(report),
  ])
  notes(screen, report.notes)
  screen.line()
  screen.line(colors.dim('Next:'))
  screen.line(`  kerf generate ${shellWord(model)} --router ${shellWord(report.out)} --prompt TEXT`)
  screen.line(`  kerf eval ${shellWord(model)} --router ${shellWord(report.out)} --text FILE`)
}

/** What was learned, if anything was. */
function learned({ learning }: RouteResult): [string, string, string][] {
  if (learning === undefined) return []
  const { klStatic, klLearned, steps, rank } = learning
  const thin = rank === 0 ? '' : `, stand-ins of rank ${integer(rank)}`
  const remark = `KL on text held out of the training, in ${plural(steps, 'step')}${thin}`
  return [['learned', `${significant(klStatic, 4)} to ${significant(klLearned, 4)}`, remark]]
}

/** The router beside its rivals. */
function routers({ measured, densePerplexity }: RouteResult, screen: Screen): void {
  const rows = measured.map(({ router, schedule, skipped, perplexity, kl, topTokenAgreement }) => [
    `${router}, ${schedule}`,
    percent(skipped),
    significant(perplexity, 5),
    significant(kl, 4),
    percent(topTokenAgreement),
  ])
  const dense = ['dense', percent(0), significant(densePerplexity, 5), '0', percent(1)]
  const heads = ['router', 'skipped', 'perplexity', 'kl', 'same top']
  table(
    screen,
    heads.map((head, index) => ({ head, right: index > 0 })),
    [dense, ...rows],
  )
}
