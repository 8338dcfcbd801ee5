// How far a run is, and how long it will still take.

/** What an earlier run did is told at once, in a step larger than this: it says nothing about the speed of this one. */
const JUMP = 0.05
const LEAST_MS = 1000

/** Guesses time left from the share that is done, 0 to 1. `now` is a clock in milliseconds. */
export function createPace(now = () => performance.now()) {
  let first = { ms: now(), share: 0 }
  let last = first
  return {
    /** Takes in the share of an event; returns `{ share, left }`, where `left` is seconds or undefined. */
    take(share) {
      const ms = now()
      const isJump = share - last.share > JUMP && ms - last.ms < LEAST_MS
      if (isJump) first = { ms: first.ms, share: first.share + share - last.share }
      last = { ms, share }
      const progressed = share - first.share
      if (share >= 1) return { share, left: 0 }
      if (ms - first.ms < LEAST_MS || progressed <= 0) return { share, left: undefined }
      return { share, left: ((ms - first.ms) / 1000) * ((1 - share) / progressed) }
    },
  }
}

/** A size such as `16.7 MB`. */
export function bytes(count) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let [value, unit] = [count, 0]
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1]
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toPrecision(3)} ${units[unit]}`
}

/** A duration such as `3 min`. */
export function duration(seconds) {
  if (seconds < 60) return `${Math.ceil(seconds)} s`
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`
  return `${Math.floor(seconds / 3600)} h ${Math.ceil((seconds % 3600) / 60)} min`
}
