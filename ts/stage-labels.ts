import type { Stage } from './generated/index.js'

/** What happens in each stage of an event, in words for people: for a line beside a progress bar. */
export const STAGE_LABELS: Readonly<Record<Stage, string>> = {
  download: 'Downloading the model',
  copy: 'Copying files',
  plan: 'Planning',
  calibrate: 'Reading the text',
  survey: 'Testing each matrix',
  search: 'Sharing out the size',
  statistics: 'Watching the inputs',
  solve: 'Shrinking the matrices',
  forward: 'Passing the text on',
  recover: 'Teaching what survived',
  learn: 'Learning',
  write: 'Writing the files',
  measure: 'Measuring the result',
  evaluate: 'Measuring',
  embed: 'Making vectors',
  classify: 'Labelling texts',
  generate: 'Writing text',
}
