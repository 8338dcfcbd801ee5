// What node-llama-cpp makes of a GGUF file: ids of a text, and its most likely continuation. One JSON object on stdout.
// llama.mjs MODULES FILE TEXT TOKENS
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [modules, file, text, count] = process.argv.slice(2)
const entry = createRequire(join(modules, 'package.json')).resolve('node-llama-cpp')
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href)
const llama = await getLlama({
  build: 'never',
  gpu: false,
  skipDownload: true,
  progressLogs: false,
  logLevel: LlamaLogLevel.error,
})
const model = await llama.loadModel({ modelPath: file })
const context = await model.createContext({ contextSize: 128 })
const sequence = context.getSequence()
// Special tokens are added by the evaluation's caller, as the file says.
const ids = model.tokenize(text, false)
const begin = model.tokens.shouldPrependBosToken ? [model.tokens.bos] : []
const written = []
for await (const token of sequence.evaluate([...begin, ...ids], { temperature: 0 })) {
  written.push(token)
  if (written.length === Number(count)) break
}
console.log(JSON.stringify({ ids, bos: begin, written, text: model.detokenize(written) }))
await llama.dispose()
process.exit(0)
