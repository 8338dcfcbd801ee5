// npm start [-- MODEL [TEXT]]: set up, build, compress a real model to 70 % and 4 bits, and show what it lost.
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { build } from './build.mjs'
import { isDecoder, nearestSentences } from './lib/demo.mjs'
import { main, root, run, say, Stop } from './lib/run.mjs'

const shared = join(root, '..', 'shared')
const shipped = {
  model: join(root, 'test', 'fixtures', 'stories260K'),
  text: join(root, 'test', 'fixtures', 'tinystories-sample.txt'),
}
const encoder = {
  model: join(shared, 'models', 'all-MiniLM-L6-v2'),
  text: join(shared, 'tasks', 'stsb', 'stsb-en-dev.csv'),
  calibration: join(shared, 'text', 'stsb-calibration-512.txt'),
}

await main(async () => {
  await build()
  const [model, text] = process.argv.slice(2)
  if (model !== undefined) return demo({ model: resolve(model), text: text && resolve(text) })
  await demo(shipped)
  console.log(
    '\nThis was a smoke test: the rows of stories260K (64 and 172 weights) are shorter than or no multiple of a group of 128,\n' +
      'so scales and headers weigh more here than in a model of real size, and a model this small has little to spare.',
  )
  if (existsSync(encoder.model)) await demo(encoder)
})

/** Compresses one model, measures both, and shows a sample of both. */
async function demo({ model, text, calibration }) {
  if (!existsSync(model)) throw new Stop(`${model} does not exist`)
  const out = join(root, '.work', 'start', basename(model))
  rmSync(out, { recursive: true, force: true })
  mkdirSync(join(out, '..'), { recursive: true })
  say(`Compressing ${basename(model)} to 70 % sparsity and 4 bits`)
  const source = calibration && existsSync(calibration) ? ['--calibration', calibration] : []
  kerf('compress', model, '--out', out, '--sparsity', '0.7', '--bits', '4', ...source)
  await (isDecoder(model) ? showDecoder : showEncoder)(model, out, text)
}

async function showDecoder(model, out, text = shipped.text) {
  say('What it lost: perplexity before and after')
  kerf('compare', model, out, '--text', text)
  for (const [word, folder] of [
    ['before', model],
    ['after', out],
  ]) {
    say(`A sample, ${word}`)
    kerf('generate', folder, '--prompt', 'Once upon a time', '--max-tokens', '80')
  }
}

async function showEncoder(model, out, text = encoder.text) {
  if (existsSync(text)) {
    say('What it lost: agreement with people on sentence pairs, and the cosine of old and new vectors')
    kerf('compare', model, out, '--pairs', text)
  }
  say('The nearest of a few sentences, before and after')
  await nearestSentences(model, out)
}

/** Runs a command of the command line in front of the user, as they would type it. */
function kerf(...args) {
  const short = args.map(arg => (arg.startsWith(root) ? relative(process.cwd(), arg) || '.' : arg))
  console.log(`$ npx kerf ${short.map(word => (/[^\w@%+=:,./-]/.test(word) ? `"${word}"` : word)).join(' ')}`)
  run(process.execPath, [join(root, 'dist', 'cli.js'), ...short], { cwd: process.cwd(), shell: false })
}
