// What `npm start` shows of a model besides numbers.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const SENTENCES = [
  'A man is playing a guitar on stage.',
  'Somebody performs music in front of an audience.',
  'The stock market fell sharply on Monday.',
  'Shares dropped a lot at the start of the week.',
  'A child is feeding the ducks in the park.',
  'A little girl gives bread to some birds by the pond.',
  'How do I change the tyre of a bicycle?',
  'Instructions for replacing a flat bike tire.',
]

/** Whether a model writes text; everything else is shown by its vectors. */
export function isDecoder(model) {
  const config = join(model, 'config.json')
  if (!existsSync(config)) return true
  const { architectures = [] } = JSON.parse(readFileSync(config, 'utf8'))
  return architectures.some(name => name.endsWith('ForCausalLM'))
}

/** Prints for each sentence the nearest other one according to both models. */
export async function nearestSentences(model, small) {
  const { embed } = await import('../../dist/index.js')
  const [before, after] = [await embed(model, SENTENCES), await embed(small, SENTENCES)]
  let same = 0
  for (const [index, sentence] of SENTENCES.entries()) {
    const [old, now] = [nearest(before, index), nearest(after, index)]
    if (old.index === now.index) same += 1
    console.log(`  ${sentence}`)
    console.log(`    before ${old.cosine.toFixed(3)}  ${SENTENCES[old.index]}`)
    console.log(`    after  ${now.cosine.toFixed(3)}  ${SENTENCES[now.index]}`)
  }
  console.log(`  The same answer for ${same} of ${SENTENCES.length}.`)
}

function nearest(vectors, index) {
  const scores = vectors.map((vector, other) =>
    other === index ? -Infinity : cosine(vectors[index], vector),
  )
  const best = scores.indexOf(Math.max(...scores))
  return { index: best, cosine: scores[best] }
}

function cosine(a, b) {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}
