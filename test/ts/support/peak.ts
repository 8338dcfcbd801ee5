import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { kerf, type Ended } from './cli.js'

/** Whether the system tells how much memory another process took. */
export const TELLS_PEAK = process.platform === 'linux'

/** Runs `kerf ...` and watches from outside how much memory the process takes at most. */
export async function kerfWithPeak(args: readonly string[]): Promise<Ended & { peakBytes: number }> {
  let peakBytes = 0
  const look = (child: ChildProcess): void => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
      peakBytes = Math.max(peakBytes, 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0))
    } catch {
      // It has ended.
    }
  }
  let timer: NodeJS.Timeout | undefined
  const ended = await kerf(args, undefined, {}, child => (timer = setInterval(() => look(child), 10)))
  clearInterval(timer)
  return { ...ended, peakBytes }
}
