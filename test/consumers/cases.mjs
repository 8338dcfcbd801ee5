// Which result is opened by whom, and what must be equal.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { sentenceCases } from './sentence_cases.mjs'

const OPTIONS = ['--sparsity', '0.5', '--method', 'obs', '--tokens', '4096']
const PROMPTS = [
  'Once upon a time, there was a little',
  'The old man looked at the sea and',
  'She opened the door',
  'It was a cold morning, and they all',
]
/** Greedy tokens a prompt. llama.cpp rounds inputs of quantized matrices to 8 bits, so two that are nearly as likely may change places. */
const TOKENS = 12
/** Share of them that must be the same before the first difference. */
const AGREED = 0.5

/** All cases. */
export function* cases(tools) {
  const shared = join(tools.root, '..', 'shared', 'models')
  const text = join(tools.root, 'test', 'fixtures', 'tinystories-sample.txt')
  for (const name of ['stories260K', 'classics-6M']) {
    const model = join(shared, name)
    const context = tools.exists(model) ? String(contextOf(tools, model)) : '0'
    const compress = (format, ...more) => {
      const out = join(tools.folder, `${name}-${format}${more.join('')}`)
      if (!tools.exists(out))
        tools.kerf('compress', model, '--out', out, '--format', format, ...OPTIONS, ...more)
      return out
    }
    for (const [format, ...more] of [
      ['safetensors'],
      ['compressed-tensors'],
      ['compressed-tensors', '--bits', '3', '--group-size', '32'],
    ]) {
      yield {
        name: `${name} as ${[format, ...more].join(' ')} in transformers: the same nll`,
        needs: ['python'],
        model,
        test: () => sameNll(tools, compress(format, ...more), text, context),
      }
    }
    for (const format of ['gguf-q4_0', 'gguf-q8_0']) {
      yield {
        name: `${name} as ${format} in gguf: every weight the same`,
        needs: ['python'],
        model,
        test: () => sameWeights(tools, compress(format)),
      }
      yield {
        name: `${name} as ${format} in llama.cpp: the same ids, and greedy text that begins the same`,
        needs: ['modules', 'python'],
        model,
        test: () => sameText(tools, compress(format)),
      }
    }
  }
  const encoder = join(shared, 'all-MiniLM-L6-v2')
  yield {
    name: 'all-MiniLM-L6-v2 as compressed-tensors in transformers: the same vector',
    needs: ['python'],
    model: encoder,
    test: () => sameVector(tools, encoder),
  }
  yield* sentenceCases(tools)
  yield* architectures(tools)
}

/**
 * kerf refuses compressed-tensors for these, so that the dense result is opened: weights that are no Linear (gpt2), and what transformers
 * does when it loads them (ModernBERT, nomic_bert; see `unopened` of their rows).
 */
const DENSE = ['gpt2', 'modernbert', 'nomic_bert']
/** transformers itself runs these only with code that is fetched with the model. */
const REMOTE = ['nomic_bert-hub']

/** Every architecture once: the tiny models that are the golden ones of crates/model. */
function* architectures(tools) {
  const golden = join(tools.root, 'test', 'golden', 'model')
  for (const name of readdirSync(golden)) {
    if (REMOTE.includes(name)) continue
    const format = DENSE.includes(name) ? 'safetensors' : 'compressed-tensors'
    yield {
      name: `${name} as ${format} in transformers: the same outputs`,
      needs: ['python'],
      model: join(golden, name),
      test: () => sameModel(tools, name, join(golden, name), format),
    }
  }
}

/** The result computes what its dense form does, and at 8 bits nearly what the model did. */
function sameModel(tools, name, model, format) {
  const out = join(tools.folder, `golden-${name}`)
  const { kind } = tools.kerf('inspect', model)
  tools.kerf('compress', model, '--out', out, '--format', format, '--method', 'rtn', '--bits', '8')
  const dense = format === 'safetensors' ? '-' : `${out}-dense`
  if (dense !== '-') tools.kerf('convert', out, '--format', 'safetensors', '--out', dense)
  const found = tools.script('same_model.py', out, dense, model, kind)
  const rest = found.unexpected.filter(key => !key.endsWith('attn.bias') && !key.endsWith('attn.masked_bias'))
  assert.deepEqual([found.missing, rest], [[], []])
  assert.ok(format === 'safetensors' || found.compressed > 0, 'no module is compressed')
  assert.ok(found.toDense < 1e-4, `${found.toDense} from its dense form`)
  assert.ok(found.toOriginal < 0.25, `${found.toOriginal} from the original`)
  return `${found.compressed} modules, ${found.toOriginal.toFixed(4)} from the original`
}

function contextOf(tools, model) {
  return Math.min(tools.read(join(model, 'config.json')).max_position_embeddings, 2048)
}

function sameNll(tools, out, text, context) {
  const ours = tools.kerf('eval', out, '--text', text)
  const theirs = tools.script('hf.py', out, text, context)
  assert.equal(theirs.tokens, ours.tokens)
  const difference = Math.abs(theirs.nll - ours.nll) / ours.nll
  assert.ok(difference < 1e-4, `nll ${ours.nll} here, ${theirs.nll} there`)
  return `nll ${ours.nll.toFixed(6)} here, ${theirs.nll.toFixed(6)} there`
}

/** kerf's reader gives dense safetensors; the package reads the file itself. */
function sameWeights(tools, out) {
  const dense = `${out}-dense`
  tools.kerf('convert', out, '--format', 'safetensors', '--out', dense)
  const { types } = tools.script('gguf_tensors.py', join(out, 'model.gguf'), join(dense, 'model.safetensors'))
  return Object.entries(types)
    .map(([type, count]) => `${count} ${type}`)
    .join(', ')
}

function sameText(tools, out) {
  const vocab = tools.read(join(out, 'tokenizer.json')).model.vocab
  const texts = new Map(Object.entries(vocab).map(([token, id]) => [id, token]))
  let agreed = 0
  for (const prompt of PROMPTS) {
    const theirs = tools.llama(join(out, 'model.gguf'), prompt, String(TOKENS))
    const expected = tools.script('ids.py', join(out, 'tokenizer.json'), prompt).ids
    assert.deepEqual([...theirs.bos, ...theirs.ids], expected)
    const ours = tools.kerf('generate', out, '--prompt', prompt, '--max-tokens', String(TOKENS))
    const begin = commonStart(theirs.text.trim(), ours.text.trim())
    const written = theirs.written.map(id => texts.get(id).replaceAll(/[\u2581\u0120]/g, ' '))
    agreed += begin.length / Math.max(1, written.join('').trim().length)
  }
  const share = Math.min(1, agreed / PROMPTS.length)
  assert.ok(share >= AGREED, `${(100 * share).toFixed(0)} % of the text is the same`)
  return `${(100 * share).toFixed(0)} % of the text before the first difference`
}

function commonStart(a, b) {
  let at = 0
  while (at < a.length && a[at] === b[at]) at++
  return a.slice(0, at)
}

function sameVector(tools, model) {
  const out = join(tools.folder, 'encoder')
  tools.kerf('compress', model, '--out', out, '--format', 'compressed-tensors', ...OPTIONS)
  const sentence = 'A man is playing a guitar.'
  const file = join(tools.folder, 'sentence.txt')
  tools.write(file, sentence)
  const [ours] = tools.kerf('embed', out, '--text', file).vectors
  const { vector } = tools.script('encoder.py', out, sentence)
  const cosine = vector.reduce((sum, value, at) => sum + value * ours[at], 0)
  assert.ok(cosine > 1 - 1e-6, `cosine ${cosine}`)
  return `cosine ${cosine.toFixed(8)}`
}
