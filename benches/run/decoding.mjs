// node benches/run/decoding.mjs FOLDER...: tokens a second of open models, and the time to the first one. With --gguf FILE and
// --llama FOLDER (where node-llama-cpp is installed) llama.cpp does the same beside them.
//   --threads 1 --tokens 64 --repetitions 5
import { pathToFileURL } from 'node:url'
import { basename, join } from 'node:path'
import { open } from '../../dist/index.js'
import { flag, machine } from '../lib/machine.mjs'
import { median } from '../lib/measure.mjs'
import { table } from '../lib/table.mjs'

const PROMPT = 'The history of the kerf is '
const [threads, tokens] = [Number(flag('threads', '1')), Number(flag('tokens', '64'))]
const repetitions = Number(flag('repetitions', '5'))
const folders = process.argv
  .slice(2)
  .filter((word, at, all) => !word.startsWith('--') && !all[at - 1]?.startsWith('--'))

/** Median tokens a second of `write`, which gives how many it wrote. */
async function rate(write) {
  const rates = []
  for (let at = 0; at < repetitions; at++) {
    const begun = performance.now()
    const written = await write()
    rates.push((1000 * written) / (performance.now() - begun))
  }
  return median(rates)
}

async function kerf(folder) {
  const begun = performance.now()
  const model = await open(folder)
  const options = { maxTokens: tokens, threads, temperature: 0 }
  await model.generate(PROMPT, { ...options, maxTokens: 1 })
  const first = performance.now() - begun
  const own = await rate(async () => (await model.generate(PROMPT, options)).tokens)
  const held = await model.memory()
  await model.close()
  return [basename(folder), first.toFixed(0), own.toFixed(1), (held / 1e6).toFixed(0)]
}

async function llama(folder, file) {
  const entry = join(folder, 'node_modules', 'node-llama-cpp', 'dist', 'index.js')
  const { getLlama } = await import(pathToFileURL(entry).href)
  const begun = performance.now()
  const core = await getLlama({ gpu: false, build: 'never', logLevel: 'error', maxThreads: threads })
  const model = await core.loadModel({ modelPath: file })
  let first
  const own = await rate(async () => {
    const context = await model.createContext({ contextSize: 256, threads })
    let written = 0
    for await (const _ of context.getSequence().evaluate(model.tokenize(PROMPT), { temperature: 0 })) {
      first ??= performance.now() - begun
      written += 1
      if (written >= tokens) break
    }
    await context.dispose()
    return written
  })
  return [`llama.cpp, ${basename(file)}`, first.toFixed(0), own.toFixed(1), '-']
}

const rows = [['model', 'ms to the first token', 'tokens/s', 'MB of weights held']]
for (const folder of folders) rows.push(await kerf(folder))
if (flag('gguf')) rows.push(await llama(flag('llama'), flag('gguf')))
console.log(`${machine()}, ${threads} threads, ${tokens} tokens, median of ${repetitions}\n\n${table(rows)}`)
process.exit(0)
