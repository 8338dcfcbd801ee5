// From rows and seeds to measured rows: runs every cell that is not kept yet, and says how far it is.
import { isDone, planCell, runCell } from './cells.mjs'
import { summary } from './statistics.mjs'

/** Cells of one row: one a seed, or as many as the row asks for if those are fewer. */
function cellsOf(model, row, { seeds, ...how }) {
  const count = Math.min(seeds, row.seeds ?? seeds)
  return Array.from({ length: count }, (_, seed) => planCell(model, row, seed, how))
}

/** Every cell of some work, in its order; rows of several tables can share one. */
function cellsOfWork(work) {
  const cells = work.flatMap(({ model, rows, how }) => rows.flatMap(row => cellsOf(model, row, how)))
  return [...new Map(cells.map(cell => [cell.hash, cell])).values()]
}

/** What `measureRows` tells of finished cells. With more than one job the cells run here, side by side, and it then finds everything. */
export async function begin(work, jobs) {
  const cells = cellsOfWork(work)
  const watch = progress(cells, jobs)
  if (jobs > 1) await runAhead(cells, jobs, watch)
  return watch
}

/** Counts finished cells and foresees the rest from those that really ran, `jobs` at a time. */
function progress(cells, jobs) {
  const left = new Set(cells.filter(cell => !isDone(cell)).map(cell => cell.hash))
  let [ran, spent] = [0, 0]
  process.stderr.write(`bench: ${cells.length} cells, ${left.size} of them to run\n`)
  return {
    done(cell, seconds, failed) {
      if (!left.delete(cell.hash)) return
      ran += 1
      spent += seconds
      const rest = Math.ceil((left.size * spent) / ran / 60 / jobs)
      const what = failed ? `failed: ${failed.code} ${failed.message}` : `${seconds.toFixed(0)} s`
      const line = `${cell.model.id} ${cell.row.name}, seed ${cell.seed}: ${what}; ${left.size} left, about ${rest} min`
      process.stderr.write(`${line}\n`)
    },
  }
}

/** Runs what is not kept yet, `jobs` cells side by side. Their seconds are of a busy machine. */
async function runAhead(cells, jobs, watch) {
  const waiting = cells.filter(cell => !isDone(cell))
  const worker = async () => {
    for (let cell = waiting.shift(); cell; cell = waiting.shift()) await runWatched(cell, watch)
  }
  await Promise.all(Array.from({ length: jobs }, worker))
}

async function runWatched(cell, watch) {
  const start = performance.now()
  const result = await runCell(cell)
  watch.done(cell, (performance.now() - start) / 1000, result.failed)
  return result
}

/** Runs rows one after another. A row whose cells failed has `failed` and no numbers. */
export async function measureRows(model, rows, how, watch) {
  const measured = []
  for (const row of rows) {
    const results = []
    for (const cell of cellsOf(model, row, how)) results.push(await runWatched(cell, watch))
    measured.push(summarise(model, row, results))
  }
  return measured
}

function summarise(model, row, results) {
  const failed = results.find(result => result.failed)?.failed
  if (failed) return { ...row, failed }
  const of = value => summary(results.map(value))
  return {
    ...row,
    results,
    comparison: results[0].comparison,
    scores: model.scores.map(score => of(({ comparison }) => score.of(comparison))),
    second: results[0].second && model.scores.map(score => of(({ second }) => score.of(second))),
    loss: of(({ comparison }) => model.loss.of(comparison)),
    bits: of(({ report }) => report.bitsPerWeight).mean,
    zeros: of(({ report }) => report.sparsity).mean,
    bytes: of(({ report }) => report.outputBytes).mean,
    // The least: what disturbs a measurement of time only ever adds to it.
    seconds: Math.min(...results.map(({ report }) => report.seconds)),
  }
}
