// Compressed sentence-transformers folders in sentence-transformers itself.
import assert from 'node:assert/strict'
import { cpSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

const NAMES = [
  'usual',
  'default prompt not pooled',
  'two Dense',
  'saved: all modes, LayerNorm',
  'saved: every module',
  'transformer in a folder',
]

/** Folders of test/golden/pipeline, as make_pipeline_goldens.py describes them. */
export function* sentenceCases(tools) {
  const golden = join(tools.root, 'test', 'golden', 'pipeline')
  const { texts, cases } = tools.read(join(golden, 'cases.json'))
  for (const [at, name] of NAMES.entries()) {
    yield {
      name: `a sentence encoder (${name}) in sentence-transformers: the same vectors`,
      needs: ['python'],
      model: golden,
      test: () => {
        const model = join(tools.folder, `sentences-${at}`)
        build(
          tools,
          golden,
          cases.find(known => known.name === name),
          model,
        )
        return sameVectors(tools, model, texts)
      },
    }
  }
}

function build(tools, golden, known, folder) {
  const write = (file, value) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    tools.write(join(folder, file), JSON.stringify(value))
  }
  cpSync(join(golden, known.base), join(folder, known.at), { recursive: true })
  for (const [file, value] of Object.entries(known.files)) write(file, value)
  for (const [file, weights] of Object.entries(known.weights))
    cpSync(join(golden, 'weights', `${weights}.safetensors`), join(folder, file))
}

function sameVectors(tools, model, texts) {
  const out = `${model}-small`
  tools.kerf(
    'compress',
    model,
    '--out',
    out,
    '--format',
    'safetensors',
    '--sparsity',
    '0.5',
    '--tokens',
    '512',
  )
  const file = `${model}.txt`
  tools.write(file, texts.join('\n'))
  const ours = tools.kerf('embed', out, '--text', file).vectors
  const theirs = tools.script('sentences.py', out, file).vectors
  let worst = 0
  for (const [row, vector] of theirs.entries()) {
    assert.equal(vector.length, ours[row].length)
    const largest = Math.max(...vector.map(Math.abs))
    vector.forEach((value, at) => (worst = Math.max(worst, Math.abs(value - ours[row][at]) / largest)))
  }
  assert.ok(worst < 1e-5, `largest difference ${worst}`)
  return `largest difference ${worst.toExponential(1)} of the largest number`
}
