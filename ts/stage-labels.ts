import type { Stage } from './generated/index.js'

/** What happens in each stage of an event, in words for people: for a line beside a progress bar. */
export const STAGE_LABELS: Readonly<Record<Stage, string>> = {
  copy: 'Copying files',
  plan: 'Planning',
  calibrate: 'Reading the text',
  survey: 'Looking at what each matrix costs',
  search: 'Searching how to share the size',
  statistics: 'Watching what goes into each matrix',
  solve: 'Shrinking the matrices',
  forward: 'Passing the text on',
  write: 'Writing the files',
  evaluate: 'Measuring',
  embed: 'Making vectors',
  generate: 'Writing text',
}
