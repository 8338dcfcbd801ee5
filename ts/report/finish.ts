import { backend } from '../backend/backend.js'
import type { RunOptions } from '../call.js'
import { badOption } from '../check.js'
import type { CompressResult } from '../compress.js'
import { KerfError } from '../errors.js'
import type { CompressReport, PlanReport, ProgressEvent } from '../generated/index.js'
import { inspect } from '../inspect.js'
import type { CompressOptions } from '../options.js'
import { partOf } from '../overall.js'
import { measuringShare } from '../quality/cost.js'
import { measureQuality } from '../quality/measure.js'
import type { AfterOptions } from '../quality/options.js'
import type { FileSource, Model, WithSources } from '../source.js'
import type { Quality } from '../quality/quality.js'
import { renderReport } from '../render-report.js'
import { version } from '../version.js'
import { commandOf } from './command.js'
import type { ReportData } from './data.js'
import { partsOf } from './parts.js'
import { writePage } from './write.js'

/** The calls of one request, which was checked and made once. */
export interface Work {
  /** What would become of each tensor; how long the run takes is foreseen by the run itself. */
  plan: (run: RunOptions) => Promise<PlanReport>
  /** The run. */
  start: (run: RunOptions) => Promise<CompressReport>
}

/** Runs a compression between its plan and its measurement, and writes the page about all three. */
export async function finish(
  model: Model,
  options: WithSources<CompressOptions> & RunOptions,
  after: WithSources<AfterOptions>,
  work: Work,
): Promise<CompressResult> {
  // What comes before the run itself is too short to be told, but for a model that has to be fetched.
  const onProgress = (event: ProgressEvent): void =>
    void (event.stage === 'download' && options.onProgress?.(event))
  const run: RunOptions = { onProgress, ...(options.signal && { signal: options.signal }) }
  const { kind } = await inspect(model, run)
  if (kind === 'decoder' && after.evalPairs !== undefined) {
    throw badOption(
      'evalPairs',
      'an encoder to measure (a decoder is measured with evalText)',
      after.evalPairs,
    )
  }
  // The share of the measuring, and so the progress of the run, depends on it.
  const plan = await work.plan(run)
  const turn = kind === undefined ? 1 : 1 - (await measuringShare(plan, kind, after))
  const report = await work.start(partOf(options, 0, turn))
  const rest = { ...options, ...partOf(options, turn, 1) }
  const measured = await measure(model, rest, after, report, kind)
  const { notes } = report
  const done: CompressResult = {
    ...report,
    notes: 'missing' in measured ? [...notes, measured.missing] : notes,
    ...('quality' in measured && { quality: measured.quality }),
  }
  if (after.report === undefined) return done
  const name = backend().files.name(model)
  const data: ReportData = {
    model: name,
    report,
    plan,
    parts: partsOf(plan, report),
    command: commandOf(typeof model === 'string' ? model : name, { ...options, ...after }, report),
    version: version(),
    date: new Date().toISOString(),
    ...('quality' in measured ? { quality: measured.quality } : { qualityMissing: measured.missing }),
  }
  return { ...done, reportFile: await writePage(after.report, await renderReport(data), report) }
}

/** Quality, or the sentence that says why there is none: what is written stays written. */
async function measure(
  model: Model,
  options: WithSources<CompressOptions> & RunOptions,
  { evalText, evalPairs }: WithSources<AfterOptions>,
  report: CompressReport,
  kind: string | undefined,
): Promise<{ quality: Quality } | { missing: string }> {
  if (kind === undefined) {
    const reason = `kerf cannot run architecture ${JSON.stringify(report.architecture)}`
    return { missing: `quality was not measured: ${reason}` }
  }
  const { calibration, threads, maxMemory } = options
  const job = { original: model, small: report.out, kind, evalText, evalPairs, threads, maxMemory }
  const source = isFile(calibration) ? { calibration } : {}
  try {
    return {
      quality: await whileComplete(report, () => measureQuality({ ...job, ...source }, options)),
    }
  } catch (error) {
    if (!(error instanceof KerfError) || error.code === 'CANCELLED') throw error
    return { missing: `quality could not be measured: ${error.message}` }
  }
}

function isFile(
  calibration: WithSources<CompressOptions>['calibration'],
): calibration is string | FileSource {
  return calibration !== undefined && !Array.isArray(calibration)
}

/** A cancel after the result was written must say that it was. */
async function whileComplete<T>(report: CompressReport, body: () => Promise<T>): Promise<T> {
  try {
    return await body()
  } catch (error) {
    if (!(error instanceof KerfError) || error.code !== 'CANCELLED') throw error
    const message = `cancelled while quality was measured; the result in ${report.out} is complete`
    const { cause } = error
    throw new KerfError({ code: 'CANCELLED', message, details: { out: report.out } }, { cause })
  }
}
