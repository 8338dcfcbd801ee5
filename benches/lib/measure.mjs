// Runs a program and watches it from outside: wall time from start to end, peak resident memory.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

const POLL_MS = 10

/** The kernel's own high-water mark of a process's resident memory, in bytes; 0 where /proc is absent or it has gone. */
function highWaterBytes(pid) {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return match ? Number(match[1]) * 1024 : 0
  } catch {
    return 0
  }
}

/**
 * Runs `command args`; its stderr goes through.
 * @returns {Promise<{ code: number, stdout: string, seconds: number, peakRssBytes: number }>}
 */
export function measure(command, args, { cwd, env, quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const start = process.hrtime.bigint()
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', quiet ? 'ignore' : 'inherit'],
    })
    let stdout = ''
    let peakRssBytes = 0
    const look = () => (peakRssBytes = Math.max(peakRssBytes, highWaterBytes(child.pid)))
    const timer = setInterval(look, POLL_MS)
    child.stdout.setEncoding('utf8').on('data', chunk => (stdout += chunk))
    child.on('error', error => {
      clearInterval(timer)
      reject(error)
    })
    child.on('close', code => {
      clearInterval(timer)
      const seconds = Number(process.hrtime.bigint() - start) / 1e9
      resolve({ code: code ?? 1, stdout, seconds, peakRssBytes })
    })
  })
}

/** Middle of the values (mean of the two middle ones if even). */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
