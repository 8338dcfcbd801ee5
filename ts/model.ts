import { runRules } from './call.js'
import type { Rules } from './check.js'
import { file } from './source.js'

/** What every function that opens a model to run it takes. */
export interface ModelOptions {
  /**
   * JSON file that describes the architecture, for a model type that kerf does not know. A folder with a file
   * `kerf-architecture.json` needs no telling.
   */
  architecture?: string
}

/** Rules of {@link ModelOptions} and of the options of a run. */
export const modelRules: Rules = { ...runRules, architecture: file }
