import { KerfError } from '../browser.js'
import { el } from './dom.js'

const DAMAGED =
  'The file is damaged or was not downloaded whole. Download it again, then choose the model again.'
const MEMORY = 'Close other tabs or choose less effort, then start again: what is done is kept.'
const ALONE = 'Choose “By the weights alone”, which needs neither text nor a known architecture.'

/** What to do, where the sentence of the error does not say it already. */
const FIXES: Partial<Record<string, string>> = {
  NOT_A_MODEL: 'Choose the folder that has config.json and safetensors files, or one such file.',
  NOT_FOUND: 'Choose the whole folder: a file that belongs to the model is missing.',
  TRUNCATED: DAMAGED,
  BAD_HEADER: DAMAGED,
  BAD_INDEX: DAMAGED,
  BAD_CONTAINER: DAMAGED,
  BAD_TOKENIZER: DAMAGED,
  BAD_CONFIG: DAMAGED,
  NON_FINITE: DAMAGED,
  IO: 'If the file was moved or changed, choose the model again.',
  DISK_FULL: 'Remove results below or free space on this device, then start again: what is done is kept.',
  OUT_OF_MEMORY: MEMORY,
  MEMORY_LIMIT: MEMORY,
  NO_TOKENIZER: ALONE,
  UNKNOWN_ARCHITECTURE: ALONE,
  METHOD_NEEDS_ARCHITECTURE: ALONE,
  SCHEDULE_NEEDS_ARCHITECTURE: ALONE,
  CALIBRATION_EMPTY: 'Give a text with more in it, or none.',
  ALREADY_COMPRESSED: 'Choose the original model.',
  ALREADY_QUANTIZED: 'Choose the original model.',
  NOT_FINITE: 'Choose the original model, or compress less.',
  STORAGE_BUSY: 'Close the other tab with this page, or wait for it.',
  STORAGE_UNAVAILABLE: 'Open this page over HTTPS or from localhost, not in a private window.',
  WORKER_FAILED: 'Load the page again; the first time it needs the network.',
  WRONG_KIND: 'Choose another kind of model for this.',
}

/** An error by code, message and fix. */
export function failure(error: unknown): HTMLElement {
  const isKnown = error instanceof KerfError
  const code = isKnown ? error.code : 'INTERNAL'
  const message = error instanceof Error ? error.message : String(error)
  const fix = FIXES[code] ?? (code === 'INTERNAL' ? 'Please report this. What is done is kept.' : undefined)
  return el(
    'div',
    { class: 'failure', role: 'alert' },
    el('p', {}, el('code', {}, code), ' ', message),
    fix !== undefined && el('p', { class: 'fix' }, fix),
  )
}
