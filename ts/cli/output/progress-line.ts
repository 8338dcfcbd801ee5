// What a line of progress says, cut to the width that there is.
import { duration, shorten } from '../../format.js'
import type { ProgressEvent } from '../../generated/index.js'
import { STAGE_LABELS } from '../../stage-labels.js'
import type { Colors } from '../screen.js'

/** How far a command is. */
export interface State {
  /** The latest event. */
  event: ProgressEvent
  /** Seconds since the start. */
  elapsed: number
  /** Seconds that are left, if they can be guessed. */
  left: number | undefined
  /** How the command ended, once it has. */
  end?: End
}

/** How a command ends. */
export type End = 'done' | 'stopped'

const WIDEST_BAR = 30
const NARROWEST_BAR = 5
/** Below this width a bar is short, so that words have room. */
const NARROW = 60
/** Shorter rests of a name say nothing. */
const LEAST_NAME = 8

/** One line in at most `width` columns: a bar, percent, time left, the stage in words, and what is being worked on. */
export function barLine(state: State, width: number, colors: Colors): string {
  const share = shareOf(state)
  const numbers = [percent(share).padStart(5), ...time(state)].join('  ')
  const room = width - numbers.length - 1
  const wanted = width < NARROW ? NARROWEST_BAR : Math.floor(width / 4)
  const barWidth = Math.min(WIDEST_BAR, wanted, room)
  if (barWidth < NARROWEST_BAR) return shorten(numbers.trimStart(), width)
  const full = Math.floor(share * barWidth)
  const bar = `${colors.cyan('━'.repeat(full))}${colors.dim('─'.repeat(barWidth - full))}`
  const words = state.end === undefined ? wordsOf(state.event, room - barWidth - 2) : ''
  return `${bar} ${numbers}${words && `  ${colors.dim(words)}`}`
}

/** The same without a bar, for a file. */
export function plainLine(state: State, width: number): string {
  const numbers = [percent(shareOf(state)), ...time(state)].join(', ')
  const words = state.end === undefined ? wordsOf(state.event, width - numbers.length - 2) : ''
  return `${numbers}${words && `: ${words}`}`
}

/** 100 % is what is over, not what is rounded. */
export function percent(share: number): string {
  return `${Math.floor(share * 100)} %`
}

function shareOf({ event, end }: State): number {
  return end === 'done' ? 1 : event.overall
}

function time({ elapsed, left, end }: State): string[] {
  if (end === 'done') return [duration(elapsed)]
  if (end === 'stopped') return [`stopped after ${duration(elapsed)}`]
  return left === undefined ? [] : [`${duration(left)} left`]
}

/** The stage and its thing; first the thing gives way, in its middle, since the ends of names say most, then the stage at its end. */
function wordsOf({ stage, name }: ProgressEvent, room: number): string {
  const label = STAGE_LABELS[stage]
  const stageWords = label.charAt(0).toLowerCase() + label.slice(1)
  if (room < stageWords.length) return room < LEAST_NAME ? '' : `${stageWords.slice(0, room - 1)}…`
  const rest = room - stageWords.length - 2
  // Written text is no name.
  if (stage === 'generate' || name === '' || rest < Math.min(LEAST_NAME, name.length)) return stageWords
  return `${stageWords}, ${shorten(name, rest)}`
}
