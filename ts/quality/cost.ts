import { backend } from '../backend/backend.js'
import type { PlanReport } from '../generated/index.js'
import type { FileSource, WithSources } from '../source.js'
import type { AfterOptions } from './options.js'
import { promptsOf } from './prompts.js'
import { PROSE } from './prose.js'
import { MOST_SENTENCES, NEW_TOKENS } from './samples.js'
import { SENTENCES } from './sentences.js'

const BYTES_OF_A_TOKEN = 4
/** Seconds and rates of a machine that is neither new nor old: only ratios matter. */
const OPENING_SECONDS = 0.3
const FLOPS_PER_SECOND = 6e10
const BYTES_PER_SECOND = 3e8
/** Writing a token reads every weight once; it takes as long as so many tokens that are read. */
const TOKENS_OF_A_WRITTEN_ONE = 20
/** The flops of a plan are those of its main steps; with what else solvers do, it takes as long as so many times that. */
const SOLVING = 1.5

/** How much text there is to measure on, in bytes; of a long file, of its beginning. */
interface Texts {
  text: string | undefined
  pairs: string | undefined
}

/** Share of a compression that is measured afterwards which the measuring takes, about. Errors: those of reading a file. */
export async function measuringShare(
  plan: PlanReport,
  kind: string,
  { evalText, evalPairs }: WithSources<AfterOptions>,
): Promise<number> {
  const read = async (file: string | FileSource | undefined): Promise<string | undefined> =>
    file === undefined ? undefined : backend().files.read(file)
  return shareOf(plan, kind, { text: await read(evalText), pairs: await read(evalPairs) })
}

/** {@link measuringShare} of texts that are read. */
export function shareOf(plan: PlanReport, kind: string, texts: Texts): number {
  const tokens = kind === 'decoder' ? tokensOfDecoder(texts) : tokensOfEncoder(texts)
  const weights = plan.tensors
    .filter(({ part }) => part === 'target')
    .reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
  const measuring = OPENING_SECONDS + (2 * tokens * 2 * weights) / FLOPS_PER_SECOND
  const running = (SOLVING * plan.flops) / FLOPS_PER_SECOND + plan.inputBytes / BYTES_PER_SECOND
  return measuring / (measuring + running)
}

function tokensOfDecoder({ text }: Texts): number {
  const read = (text ?? PROSE).length / BYTES_OF_A_TOKEN
  return read + promptsOf(text).length * NEW_TOKENS * TOKENS_OF_A_WRITTEN_ONE
}

function tokensOfEncoder({ text, pairs }: Texts): number {
  const lines = text === undefined ? SENTENCES : text.split('\n').slice(0, MOST_SENTENCES)
  const bytes = lines.reduce((sum, line) => sum + line.length, pairs?.length ?? 0)
  return bytes / BYTES_OF_A_TOKEN
}
