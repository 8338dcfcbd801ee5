import { backend } from './backend/backend.js'
import { call, type RunOptions } from './call.js'
import { badOption, checkOptions } from './check.js'
import type { CompressReport } from './generated/index.js'
import { compressRequest, compressRules, type CompressOptions } from './options.js'
import { afterRules, splitAfter, type AfterOptions } from './quality/options.js'
import type { Quality } from './quality/quality.js'
import { finish, type Work } from './report/finish.js'
import type { FileSource, Model, WithSources } from './source.js'
import { withTarget } from './target.js'

/** What {@link compress} resolves to. */
export interface CompressResult extends CompressReport {
  /** Quality before and after, if a report or an evaluation was asked for and the model can be run. */
  quality?: Quality
  /** The HTML page, if one was asked for. */
  reportFile?: string
}

/**
 * Compresses a model folder (or single file) into a new folder and reports what was done.
 *
 * Nothing appears under `out` before everything is written. A cancelled or killed run keeps its finished units in `workDir`: the
 * same call goes on from there and gives the same bytes. With `report`, `evalText` or `evalPairs` the quality of both models is
 * measured afterwards; the result in `out` is complete by then and stays, whatever happens.
 *
 * Errors: `BAD_OPTION`, `OUTPUT_EXISTS`, `MEMORY_LIMIT`, `CALIBRATION_EMPTY`, `NON_FINITE`, `DISK_FULL`, `IO`, `CANCELLED` and
 * those of reading a model. Memory: what `plan` says.
 *
 *     const report = await compress('sentence-transformers/all-MiniLM-L6-v2', { out: './small' })
 *
 * @param model Folder as the Hugging Face hub lays it out, its id there (in Node), a single file, or what kerf wrote.
 * @param options How small, where to, and what to be told meanwhile; every one has a default.
 */
export async function compress(
  model: Model,
  options: WithSources<CompressOptions & AfterOptions> & RunOptions = {},
): Promise<CompressResult> {
  checkOptions(options, { ...compressRules, ...afterRules })
  const { core, after } = splitAfter(options)
  const request = compressRequest(model, core)
  await refuseEarly(after)
  return withTarget<CompressResult>(
    model,
    { out: options.out, force: options.force },
    options,
    (out, run) => {
      const { out: _, ...others } = core
      const place = out === undefined ? {} : { out }
      const placed = { ...request, ...place }
      const work: Work = {
        plan: part => call('plan', { ...placed, estimate: false }, part),
        start: part => call('compress', placed, part),
      }
      if (Object.keys(after).length === 0) return work.start(run)
      return finish(model, { ...others, ...place, ...run }, after, work)
    },
  )
}

/** A file that cannot be used is refused before hours of work, not after. */
async function refuseEarly({ report, evalText, evalPairs }: WithSources<AfterOptions>): Promise<void> {
  const refuse = (option: string, path: string | FileSource, expected: string | undefined): void => {
    if (expected !== undefined) throw badOption(option, expected, path)
  }
  if (report !== undefined) refuse('report', report, await backend().files.whatToWrite(report))
  for (const [option, path] of Object.entries({ evalText, evalPairs })) {
    if (path === undefined) continue
    refuse(option, path, await backend().files.whatToRead(path))
    // What is no text is NOT_UTF8.
    await backend().files.read(path)
  }
}
