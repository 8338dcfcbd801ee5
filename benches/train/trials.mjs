// One training of one pruner, measured on data that it did not see. What was measured is kept, so a bench that was stopped goes on.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kerf } from '../lib/kerf.mjs'
import { scratch } from '../lib/paths.mjs'

/**
 * Trains and measures.
 * @returns {Promise<{ held: number, score: number, seconds: number, sparsity: number }>} `held` is the loss on the held-out share of the
 *   training part, which tuning may look at; `score` is that of the case's test data
 */
export async function trial(given, { pruner, sparsity, rate, seed }) {
  const own = { sparsity, method: pruner, 'learning-rate': rate, seed, threads: 1, clip: 0 }
  const learning = Object.entries({ ...given.options, ...own }).flatMap(([name, value]) => [
    `--${name}`,
    String(value),
  ])
  const args = ['finetune', given.model, '--task', given.task, '--data', given.train, ...learning]
  const key = createHash('sha256').update(JSON.stringify([args, given.test])).digest('hex').slice(0, 16)
  const kept = join(scratch('pruners', 'cells'), `${key}.json`)
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8'))
  const out = join(scratch('pruners', 'models'), key)
  const { report } = await kerf([...args, '--out', out, '--force', '--quiet'])
  const { report: found } = await kerf(['eval', out, ...given.test, '--threads', '1', '--quiet'])
  const cell = {
    held: report.lossAfter,
    score: given.score(found),
    seconds: report.seconds,
    sparsity: report.sparsity,
    args: [...args.slice(2), pruner],
  }
  writeFileSync(`${kept}.new`, JSON.stringify(cell))
  renameSync(`${kept}.new`, kept)
  rmSync(out, { recursive: true, force: true })
  return cell
}
