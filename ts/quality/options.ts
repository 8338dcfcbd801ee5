import { path, type Rules } from '../check.js'
import { file, type WithSources } from '../source.js'

/**
 * What `compress` does when the work is done. `maxMemory` holds for it as well: measuring quality then keeps fewer decoded weights, and
 * reads the others anew.
 */
export interface AfterOptions {
  /**
   * Writes a self-contained HTML page about the run to this file. The folder must exist and not be the result's own. An existing
   * file is replaced, and only after success. Quality is then measured too.
   */
  report?: string
  /**
   * UTF-8 file on which quality before and after is measured (encoders: one text a line). Take text that calibration has not
   * seen. Default where there is a `report`: a sample that ships with kerf and is no part of its calibration sample.
   */
  evalText?: string
  /** CSV file of sentence, sentence, score, without a header, for encoders: Spearman's rank correlation before and after. */
  evalPairs?: string
}

/** The options of the compression itself, and those of what comes after it. */
export function splitAfter<T extends WithSources<AfterOptions>>(
  options: T,
): { core: Omit<T, keyof AfterOptions>; after: WithSources<AfterOptions> } {
  const { report, evalText, evalPairs, ...core } = options
  const after = {
    ...(report !== undefined && { report }),
    ...(evalText !== undefined && { evalText }),
    ...(evalPairs !== undefined && { evalPairs }),
  }
  return { core, after }
}

/** Rules of {@link AfterOptions}. */
export const afterRules: Rules = { report: path, evalText: file, evalPairs: file }
