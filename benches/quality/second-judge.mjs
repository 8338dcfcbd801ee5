// transformers on a dense export: score.py shares nothing with kerf.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { kerf } from '../lib/kerf.mjs'
import { measure } from '../lib/measure.mjs'
import { fail, root } from '../lib/paths.mjs'

/** Scores of `out` by transformers, in the form of `kerf compare`. */
export async function rescore(interpreter, model, out, threads) {
  const dense = `${out}-dense`
  rmSync(dense, { recursive: true, force: true })
  await kerf(['convert', out, '--format', 'safetensors', '--out', dense])
  const script = join(root, 'benches', 'quality', 'score.py')
  const args = [script, model.path, dense, ...model.measures[0], '--threads', threads]
  const run = await measure(interpreter, args, { quiet: true })
  rmSync(dense, { recursive: true, force: true })
  return run.code === 0 ? JSON.parse(run.stdout) : fail(`${args.join(' ')} failed`)
}
