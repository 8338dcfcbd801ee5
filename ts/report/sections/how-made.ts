import { bytes, duration } from '../../format.js'
import type { Content, Markup } from '../page/html.js'
import { commandBlock, factList, section } from '../page/table.js'

/** A run that has ended, as reports have it. */
interface Run {
  seconds: number
  peakRssBytes: number
  plannedPeakBytes: number
  outputBytes: number
}

/** How a result was made: the command that does it again, if it is known, and what else is to say. */
export function howMade(command: string | undefined, parts: readonly Content[]): Markup {
  return section('run', 'How it was made', undefined, [
    command === undefined ? undefined : commandBlock(command),
    ...parts,
  ])
}

/** {@link howMade} with facts: those of its own, and what the run took. */
export function runTook(run: Run, command: string | undefined, own: readonly [string, string][]): Markup {
  const rows: [string, string][] = [
    ...own,
    ['time', duration(run.seconds)],
    ['peak memory', `${bytes(run.peakRssBytes)} (planned ${bytes(run.plannedPeakBytes)})`],
    ['size', bytes(run.outputBytes)],
  ]
  return howMade(command, [factList(rows)])
}
