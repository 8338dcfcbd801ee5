// npm start [-- MODEL [TEXT]]: set up, build, compress a real model as kerf does if nothing is said, and show what it lost.
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { build } from './build.mjs'
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
  if (model !== undefined) {
    demo({ model: resolve(model), text: text && resolve(text) })
    return
  }
  demo(shipped)
  console.log(
    '\nThis was a smoke test: the matrices of stories260K are small, so their tables and headers weigh more here than in a model of real\n' +
      'size, and a model this small has little to spare.',
  )
  if (existsSync(encoder.model)) {
    demo({ ...encoder, text: existsSync(encoder.text) ? encoder.text : undefined })
  }
})

/** Compresses one model, measures what it lost, and says where the page about it is. A TEXT that ends in .csv is pairs. */
function demo({ model, text, calibration }) {
  if (!existsSync(model)) throw new Stop(`${model} does not exist`)
  const out = join(root, '.work', 'start', basename(model))
  const report = `${out}.html`
  rmSync(out, { recursive: true, force: true })
  mkdirSync(join(out, '..'), { recursive: true })
  say(`Compressing ${basename(model)}, and measuring what that costs`)
  const source = calibration && existsSync(calibration) ? ['--calibration', calibration] : []
  const measured =
    text && existsSync(text) ? [text.endsWith('.csv') ? '--eval-pairs' : '--eval-text', text] : []
  kerf('compress', model, '--out', out, ...source, ...measured, '--report', report)
  say(`The report, for your browser: ${report}`)
}

/** Runs a command of the command line in front of the user, as they would type it. */
function kerf(...args) {
  const short = args.map(arg => (arg.startsWith(root) ? relative(process.cwd(), arg) || '.' : arg))
  console.log(`$ npx kerf ${short.map(word => (/[^\w@%+=:,./-]/.test(word) ? `"${word}"` : word)).join(' ')}`)
  run(process.execPath, [join(root, 'dist', 'cli.js'), ...short], { cwd: process.cwd(), shell: false })
}
