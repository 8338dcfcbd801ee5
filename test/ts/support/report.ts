// Data for a report page without a run, and a plain reader of its markup.
import type { CompressReport, LayerReport, ReportData } from 'kerf'
import { DEFAULT_OPTIONS } from '../../../ts/generated/index.js'

/** What is taken without any option, but for the budget: the report is of 70 % and 4 bits. */
const { targetBits: _, ...usual } = DEFAULT_OPTIONS
const ROLES = ['q', 'k', 'v', 'o', 'gate', 'up', 'down']

/** Seven matrices a block, each with another error. */
export function layersOf(blocks: number): LayerReport[] {
  return Array.from({ length: blocks }, (_, block) =>
    ROLES.map(
      (role, i): LayerReport => ({
        name: `model.layers.${block}.${role}.weight`,
        block,
        role,
        shape: [64, 64],
        method: 'obs',
        sparsity: 0.7,
        bits: 4,
        bitsPerWeight: 2.4,
        relativeOutputError: 0.01 * (i + 1) * (block + 1),
        relativeWeightError: 0.2,
      }),
    ),
  ).flat()
}

/** All that a page can show, of a model of so many blocks; `change` replaces fields of the report. */
export function reportData(blocks: number, change: Partial<CompressReport> = {}): ReportData {
  const report: CompressReport = {
    out: './small',
    architecture: 'llama',
    sparsity: 0.7,
    bitsPerWeight: 2.5,
    embeddingBitsPerWeight: 8.1,
    inputBytes: 1_000_000,
    outputBytes: 150_000,
    seconds: 75.4,
    phases: { plan: 0.4, solve: 55, forward: 20 },
    work: [{ phase: 'solve', block: 0, step: 'support', seconds: 40, flops: 1e13 }],
    peakRssBytes: 90e6,
    plannedPeakBytes: 100e6,
    plannedOutputBytes: 151_000,
    tokens: 16384,
    isa: 'avx2',
    threads: 2,
    resumedUnits: 0,
    options: { ...usual, method: 'joint', sparsity: 0.7, pattern: 'unstructured' },
    repairs: [],
    notes: [],
    layers: layersOf(blocks),
    embeddings: [],
    ...change,
  }
  const measured = { seconds: 1, notes: [] }
  return {
    model: 'a-model',
    report,
    parts: [
      { part: 'target', before: 800_000, after: 90_000 },
      { part: 'embedding', before: 150_000, after: 40_000 },
      { part: 'other', before: 50_000, after: 20_000 },
    ],
    quality: {
      kind: 'decoder',
      measuredOn: 'texts/held-out.txt',
      onCalibrationText: false,
      original: { ...measured, perplexity: 10, nll: 2.303, tokens: 5000 },
      small: { ...measured, perplexity: 12.5, nll: 2.526, tokens: 5000 },
      kl: 0.123,
      topTokenAgreement: 0.81,
      samples: [{ kind: 'continuation', prompt: 'Once', before: 'upon a time', after: 'there was' }],
    },
    command: 'npx kerf compress a-model --out ./small',
    version: '1.2.3',
    date: '2026-11-25T13:20:38.123Z',
  }
}

/** A tag of a page, its attributes in order. */
export interface Tag {
  name: string
  close: boolean
  attributes: Map<string, string>
}

const VOID = ['meta', 'link', 'br', 'img', 'input', 'hr']

/** Every tag of a page in order, style sheet and script left out. */
export function tagsOf(page: string): Tag[] {
  const markup = page.replace(/(<(style|script)>)[\s\S]*?<\/\2>/g, '$1</$2>')
  return [...markup.matchAll(/<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+(?:="[^"]*")?)*)\s*(\/?)>/g)].flatMap(
    ([, close, name = '', attributes = '', self]) => {
      const found = [...attributes.matchAll(/([\w:-]+)(?:="([^"]*)")?/g)]
      const map = new Map(found.map(([, key = '', value = '']): [string, string] => [key, value]))
      const tag = { name, close: close === '/', attributes: map }
      return self === '/' && !VOID.includes(name) ? [tag, { ...tag, close: true }] : [tag]
    },
  )
}

/** The first tag that closes what is not open, if there is one. */
export function unbalanced(tags: readonly Tag[]): string | undefined {
  const open: string[] = []
  for (const { name, close } of tags) {
    if (VOID.includes(name)) continue
    if (!close) open.push(name)
    else if (open.pop() !== name) return name
  }
  return open.at(-1)
}

/** The text of one section of a page, tags left out. */
export function sectionOf(page: string, id: string): string | undefined {
  const found = new RegExp(`<section id="${id}"[\\s\\S]*?</section>`).exec(page)?.[0]
  return found?.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')
}
