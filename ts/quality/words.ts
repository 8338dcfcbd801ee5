import { percent, significant } from '../format.js'
import type { Quality } from './quality.js'

/** The one measure that says most, in words for a headline. */
export function headlineOf(quality: Quality): { name: string; value: string; remark: string } {
  const { original, small, meanCosine, onCalibrationText, measuredOn } = quality
  const remark = `on ${fileOf(measuredOn)}${onCalibrationText ? ', the calibration text' : ''}`
  if (original.perplexity !== undefined && small.perplexity !== undefined) {
    const value = `${significant(original.perplexity, 4)} → ${significant(small.perplexity, 4)}`
    return { name: 'perplexity', value, remark }
  }
  if (original.spearman !== undefined && small.spearman !== undefined) {
    const value = `${significant(original.spearman, 3)} → ${significant(small.spearman, 3)}`
    return { name: 'Spearman', value, remark }
  }
  return { name: 'mean cosine', value: significant(meanCosine ?? NaN, 3), remark }
}

/** The other measures, as one line: "KL 0.2, same top token 81 %". */
export function othersOf({ kl, topTokenAgreement, meanCosine, original }: Quality): string {
  const words: string[] = []
  if (kl !== undefined) words.push(`KL ${significant(kl, 3)}`)
  if (topTokenAgreement !== undefined) words.push(`same top token ${percent(topTokenAgreement)}`)
  if (meanCosine !== undefined && original.spearman !== undefined) {
    words.push(`mean cosine ${significant(meanCosine, 3)}`)
  }
  return words.join(', ')
}

/** Last part of a path; a name without one is kept. */
function fileOf(path: string): string {
  return path.split(/[/\\]/).at(-1) ?? path
}
