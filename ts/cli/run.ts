import type { Command } from 'commander'
import type { RunOptions } from '../call.js'
import { exitCode, showFailure, toFailure } from './fail.js'
import { openInterrupt } from './interrupt.js'
import { openProgress, quietProgress } from './output/progress.js'
import { spelled } from '../sentences.js'
import { openScreen, type Screen } from './screen.js'
import { wordsOf } from './words.js'

/** Options that every command has. */
export interface CommonFlags {
  json?: boolean
  quiet?: boolean
}

/** What a command does with the API, and how it shows the result to a person. */
export interface Work<R> {
  work: (run: Required<RunOptions>, screen: Screen) => Promise<R>
  show: (result: R, screen: Screen) => void
  /** How `--json` prints one object, if that is not the result as it is. */
  showJson?: (result: R, screen: Screen) => Promise<void>
}

/** Runs a command to its end: progress, Ctrl-C, the result, the exit code. Never throws. */
export async function runWork<R>(
  command: Command,
  flags: CommonFlags,
  { work, show, showJson }: Work<R>,
): Promise<void> {
  const words = wordsOf(command)
  const screen: Screen = { ...openScreen(), spell: text => spelled(text, words) }
  const silent = flags.quiet === true || (flags.json === true && !process.stderr.isTTY)
  const progress = silent ? quietProgress() : openProgress()
  const interrupt = openInterrupt(() =>
    progress.say('stopping; what is done so far is kept (Ctrl-C again stops at once)'),
  )
  try {
    const run = { signal: interrupt.signal, onProgress: progress.update.bind(progress) }
    const result = await work(run, screen)
    progress.close('done')
    if (!flags.json) show(result, screen)
    else if (showJson) await showJson(result, screen)
    else screen.line(JSON.stringify(result))
  } catch (error) {
    progress.close('stopped')
    const failure = toFailure(error, command)
    showFailure(failure, flags.json === true, command)
    process.exitCode = exitCode(failure)
  } finally {
    interrupt.close()
  }
}
