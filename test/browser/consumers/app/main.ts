// What somebody writes who compresses in a page.
import { compress, inspect, KerfError } from 'kerf'
import { kept } from 'kerf/browser'

async function run(): Promise<string> {
  const files: Record<string, URL> = {
    'config.json': new URL('/model/config.json', location.href),
    'tokenizer.json': new URL('/model/tokenizer.json', location.href),
    'model.safetensors': new URL('/model/model.safetensors', location.href),
  }
  const stages = new Set<string>()
  const report = await compress(files, {
    sparsity: 0.5,
    bits: 4,
    method: 'magnitude',
    out: 'small',
    onProgress: ({ stage }) => stages.add(stage),
  })
  const { form } = await inspect('small')
  const [first] = (await kept.list('small')).map(({ path }) => path)
  const refused = await inspect('nothing').catch((error: unknown) => error)
  const code = refused instanceof KerfError ? refused.code : 'no KerfError'
  return [report.out, form, first, stages.has('write'), code].join(' ')
}

run().then(
  text => (document.title = text),
  (error: unknown) => (document.title = `failed: ${String(error)}`),
)
