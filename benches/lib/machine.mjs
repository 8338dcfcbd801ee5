// What ran the bench: it belongs beside every number.
import { cpus, loadavg, totalmem } from 'node:os'

/** What a result that is kept remembers of its machine: processor, threads, memory. */
export function hardware() {
  const list = cpus()
  const memory = (totalmem() / 2 ** 30).toFixed(0)
  return `${list[0]?.model.trim() ?? 'unknown'}, ${list.length} threads, ${memory} GiB`
}

/** One line: the hardware, load before the bench, node. */
export const machine = () =>
  `${hardware()}, load ${loadavg()[0].toFixed(2)} at the start, node ${process.version}`

/** Value of `--name VALUE` on the command line, or `fallback`. */
export function flag(name, fallback) {
  const at = process.argv.indexOf(`--${name}`)
  return at >= 0 && at + 1 < process.argv.length ? process.argv[at + 1] : fallback
}

/** Whether `--name` is on the command line. */
export const has = name => process.argv.includes(`--${name}`)
