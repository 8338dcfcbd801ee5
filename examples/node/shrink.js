// node shrink.js MODEL OUT: compresses a model as far as is safe, and uses the result. Ctrl-C stops; the same command again goes on
// where it was.
import { compress, embed, generate, KerfError, plan, STAGE_LABELS } from 'kerf'

const [model, out] = process.argv.slice(2)
if (out === undefined) throw new Error('usage: node shrink.js MODEL OUT')
// Fewer calibration tokens than the default: sooner done, a little worse.
const options = { tokens: 4096, out }

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

let shown
const megabytes = bytes => `${(bytes / 1e6).toFixed(1)} MB`

try {
  const before = await plan(model, options)
  console.log(`${megabytes(before.inputBytes)} will become ${megabytes(before.outputBytes)}`)
  const report = await compress(model, { ...options, signal: stop.signal, onProgress: show })
  console.log(`${report.layers.length} matrices, ${report.bitsPerWeight.toFixed(2)} bits per weight`)
  console.log(await tryOut(out))
} catch (error) {
  if (!(error instanceof KerfError)) throw error
  console.error(`${error.code}: ${error.message}`)
  process.exitCode = 1
}

/** A line for every tenth of the work. */
function show({ overall, stage }) {
  const tenths = Math.floor(overall * 10)
  if (tenths === shown) return
  shown = tenths
  console.log(`${tenths * 10} %: ${STAGE_LABELS[stage]}`)
}

/** Decoders write, encoders give vectors. */
async function tryOut(small) {
  try {
    const { text } = await generate(small, 'Once upon a time', { maxTokens: 40 })
    return `Once upon a time${text}`
  } catch (error) {
    if (error.code !== 'WRONG_KIND') throw error
    const [a, b] = await embed(small, ['A saw takes away the kerf.', 'What a saw removes is called kerf.'])
    return `cosine of two sentences: ${a.reduce((sum, x, i) => sum + x * b[i], 0).toFixed(3)}`
  }
}
