// Stages of a run: how far each is, and how long it will still take.

/** What the stages do, in words for people. */
const WORDS = {
  plan: 'Planning',
  calibrate: 'Reading calibration text',
  statistics: 'Measuring inputs',
  solve: 'Compressing matrices',
  forward: 'Running the compressed block',
  write: 'Writing',
}

/** Keeps the stages of one run. `now` is a clock in milliseconds. */
export function createStages(now = () => performance.now()) {
  const stages = new Map()
  return {
    /** Takes an event; returns `{ stage, label, share, left }`, where `left` is seconds or undefined. */
    take({ stage, done, total }) {
      const known = stages.get(stage)
      // A resumed run starts with much done at once: only what is done from here on tells the speed.
      const start = known ?? { atMs: now(), done }
      stages.set(stage, start)
      const share = total > 0 ? Math.min(1, done / total) : 0
      return { stage, label: WORDS[stage] ?? stage, share, left: secondsLeft(start, now(), done, total) }
    },
  }
}

function secondsLeft(start, nowMs, done, total) {
  const seconds = (nowMs - start.atMs) / 1000
  const progressed = done - start.done
  if (done >= total) return 0
  return progressed > 0 && seconds > 0.5 ? (seconds * (total - done)) / progressed : undefined
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
