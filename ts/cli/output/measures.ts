import type { Comparison, Evaluation } from '../../generated/index.js'
import type { Screen } from '../screen.js'
import { bytes, duration, integer, percent, plural, significant, textUse } from '../../format.js'
import { facts, notes, table } from './table.js'

/** Shows the measures of one model. */
export function showEvaluation(result: Evaluation, screen: Screen): void {
  const rows = measuresOf(result)
  rows.push(...ofRouting(result))
  if (result.text) rows.push(['text', textUse(result.text.tokens, result.text)])
  rows.push(['time', duration(result.seconds)])
  facts(screen, rows)
  notes(screen, result.notes)
}

/** What was measured, a row each. */
export function measuresOf(result: Evaluation): [string, string, string?][] {
  const rows: [string, string, string?][] = []
  if (result.perplexity !== undefined) {
    const remark = `nll ${significant(result.nll ?? NaN, 5)} over ${integer(result.tokens ?? 0)} tokens`
    rows.push(['perplexity', significant(result.perplexity, 6), remark])
  }
  if (result.spearman !== undefined) {
    rows.push(['spearman', significant(result.spearman, 4), `over ${integer(result.pairs ?? 0)} pairs`])
  }
  return [...rows, ...ofHeads(result)]
}

/** What a router skipped, and what that cost. */
function ofRouting({ routing }: Evaluation): [string, string, string?][] {
  if (routing === undefined) return []
  const { router, tokenSparsity, skipped, kl, densePerplexity, seconds, denseSeconds, window, prompt } =
    routing
  const rows: [string, string, string?][] = [
    [
      'skipped',
      percent(skipped),
      `of token-block pairs, by router ${router} (${percent(tokenSparsity)} wanted)`,
    ],
  ]
  if (densePerplexity !== undefined)
    rows.push([
      'dense perplexity',
      significant(densePerplexity, 6),
      `on the same tokens: ${integer((window ?? 0) - (prompt ?? 0))} behind each prompt of ${integer(prompt ?? 0)}`,
    ])
  if (kl !== undefined) rows.push(['kl', significant(kl, 4), 'nats a token, dense || routed'])
  if (seconds !== undefined && denseSeconds !== undefined)
    rows.push(['forward', duration(seconds), `dense ${duration(denseSeconds)}`])
  return rows
}

/** What heads do on the files of tasks. */
function ofHeads({
  classification,
  answering,
  completions,
  writing,
}: Evaluation): [string, string, string?][] {
  const rows: [string, string, string?][] = []
  if (classification) {
    const { accuracy, f1, positive, texts, truncated } = classification
    const cut = truncated === 0 ? '' : `, ${integer(truncated)} of them cut at the model's maximum`
    rows.push(['accuracy', percent(accuracy), `over ${plural(texts, 'text')}${cut}`])
    if (f1 !== undefined) rows.push(['f1', significant(f1, 4), `of ${positive ?? ''}`])
  }
  if (answering) {
    const { exact, f1, questions, windows } = answering
    rows.push(['exact match', percent(exact), `over ${plural(questions, 'question')}`])
    rows.push(['f1', percent(f1), `in ${plural(windows, 'window')}`])
  }
  if (completions) {
    const { logLikelihood, perplexity, preferred, texts, tokens } = completions
    const of = preferred === undefined ? 'completion' : 'pair'
    if (preferred !== undefined)
      rows.push(['preferred', percent(preferred), 'of the good texts are more likely'])
    rows.push(['log likelihood', significant(logLikelihood, 5), `nats, mean over ${plural(texts, of)}`])
    rows.push(['perplexity', significant(perplexity, 6), `over ${plural(tokens, 'token')} of them`])
  }
  if (writing) {
    const { bleu, rougeL, prompts, tokens } = writing
    rows.push(['BLEU', significant(bleu, 4), `of what it wrote behind ${plural(prompts, 'prompt')}`])
    rows.push(['ROUGE-L', percent(rougeL), `F1; ${plural(tokens, 'token')} written`])
  }
  return rows
}

/** Shows two models side by side, and what is between them. */
export function showComparison(result: Comparison, screen: Screen): void {
  const { original, small } = result
  const rows = [['bytes', bytes(result.originalBytes), bytes(result.smallBytes)]]
  const add = (name: string, key: 'perplexity' | 'nll' | 'spearman'): void => {
    const [before, after] = [original[key], small[key]]
    if (before !== undefined && after !== undefined)
      rows.push([name, significant(before, 5), significant(after, 5)])
  }
  add('perplexity', 'perplexity')
  add('nll', 'nll')
  add('spearman', 'spearman')
  table(screen, [{ head: '' }, { head: 'original', right: true }, { head: 'small', right: true }], rows)
  screen.line()
  const between: [string, string, string?][] = [
    ['size', `${significant(result.originalBytes / result.smallBytes, 3)} times smaller`],
  ]
  if (result.kl !== undefined)
    between.push(['kl', significant(result.kl, 4), 'nats a token, original || small'])
  if (result.topTokenAgreement !== undefined)
    between.push(['same top token', percent(result.topTokenAgreement)])
  if (result.meanCosine !== undefined) between.push(['mean cosine', significant(result.meanCosine, 5)])
  facts(screen, between)
  notes(screen, [...new Set([...original.notes, ...small.notes])])
}
