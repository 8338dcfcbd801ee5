// What the commands that make something out of a model all say of their run.
import { bytes, duration } from '../../format.js'
import type { Screen } from '../screen.js'

/** A run that has ended, as reports have it. */
interface Run {
  architecture: string
  outputBytes: number
  seconds: number
  peakRssBytes: number
  plannedPeakBytes: number
  out: string
  reportFile?: string
}

/** The line above everything: the model. */
export function runTitle(screen: Screen, model: string, { architecture }: Run): void {
  screen.line()
  screen.line(`${screen.colors.bold(model)}  ${architecture}`)
  screen.line()
}

/** The last facts: size, time, memory, places. */
export function runFacts(run: Run): (readonly [string, string, string?])[] {
  return [
    ['size', bytes(run.outputBytes)],
    ['time', duration(run.seconds)],
    ['peak memory', bytes(run.peakRssBytes), `planned ${bytes(run.plannedPeakBytes)}`],
    ['where', run.out],
    ...(run.reportFile === undefined ? [] : [['report', run.reportFile] as const]),
  ]
}
