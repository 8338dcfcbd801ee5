// What ran the bench: it belongs beside every number.
import { cpus, loadavg, totalmem } from 'node:os'

/** One line: processor, threads, memory, load before the bench. */
export function machine() {
  const list = cpus()
  const memory = (totalmem() / 2 ** 30).toFixed(0)
  return `${list[0]?.model.trim() ?? 'unknown'}, ${list.length} threads, ${memory} GiB, load ${loadavg()[0].toFixed(2)} at the start, node ${process.version}`
}

/** Value of `--name VALUE` on the command line, or `fallback`. */
export function flag(name, fallback) {
  const at = process.argv.indexOf(`--${name}`)
  return at >= 0 && at + 1 < process.argv.length ? process.argv[at + 1] : fallback
}

/** Whether `--name` is on the command line. */
export const has = name => process.argv.includes(`--${name}`)
