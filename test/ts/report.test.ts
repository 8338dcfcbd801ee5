// `compress` with a report: quality is measured, the page is written, and nothing is lost when that fails.
import { compare, compress, renderReport, type CompressResult } from 'kerf'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { json, jsonError, kerf } from './support/cli.js'
import { kerfError } from './support/errors.js'
import { copyModel, names, temporaryFolder } from './support/folders.js'
import { encoder, quick, root, sample, stories } from './support/models.js'
import { reportData, sectionOf, tagsOf, unbalanced } from './support/report.js'

const folder = temporaryFolder()
const small = join(folder, 'small')
const page = join(folder, 'report.html')
let result: CompressResult
let html: string

beforeAll(async () => {
  writeFileSync(page, 'an older report')
  result = await compress(stories, { ...quick, preset: 'tiny', out: small, report: page, evalText: sample })
  html = readFileSync(page, 'utf8')
})

describe('a report', () => {
  it('has the quality that compare measures', async () => {
    const {
      original,
      small: after,
      kl,
      topTokenAgreement,
    } = await compare(stories, small, { textFile: sample })
    expect(result.quality).toMatchObject({ kind: 'decoder', measuredOn: sample, onCalibrationText: false })
    expect(result.quality?.original.perplexity).toBe(original.perplexity)
    expect(result.quality?.small.perplexity).toBe(after.perplexity)
    expect(result.quality).toMatchObject({ kl, topTokenAgreement })
    expect(result.reportFile).toBe(page)
  })

  it('has samples that both models wrote', () => {
    const samples = result.quality?.samples ?? []
    expect(samples).toHaveLength(3)
    for (const found of samples) {
      if (found.kind !== 'continuation') throw new Error(`a decoder gave ${found.kind}`)
      expect(readFileSync(sample, 'utf8').replace(/\s+/g, ' ')).toContain(found.prompt)
      expect(found.before).not.toBe(found.after)
    }
  })

  it('says block and role of every matrix', () => {
    expect(result.layers.map(layer => layer.block)).toEqual([0, 1, 2, 3, 4].flatMap(n => Array(7).fill(n)))
    expect(new Set(result.layers.map(layer => layer.role))).toEqual(
      new Set(['q', 'k', 'v', 'o', 'gate', 'up', 'down']),
    )
  })

  it('is a page that replaced the older one, with nothing beside it', () => {
    expect(unbalanced(tagsOf(html))).toBeUndefined()
    expect(html).toContain('<title>stories260K – kerf report</title>')
    expect(sectionOf(html, 'quality')).toContain('9,709 predicted tokens')
    expect(sectionOf(html, 'matrices')).toContain('model.layers.4.mlp.down_proj.weight')
    expect(sectionOf(html, 'truth')).toMatch(/bytes of the result \S+ kB \S+ kB/)
    expect(names(folder).filter(name => name.includes('report'))).toEqual(['report.html'])
  })

  it('shows parts that add up to all files', () => {
    const cells = /all files ([\d.]+ MB) ([\d.]+ kB)/.exec(sectionOf(html, 'parts') ?? '')
    expect(cells?.slice(1)).toEqual(['1.06 MB', `${(result.outputBytes / 1000).toFixed(0)} kB`])
  })

  it('names a command that gives the same bytes', async () => {
    const command = sectionOf(html, 'run')?.match(/npx kerf (.*?report\.html)/)?.[1] ?? ''
    const again = join(folder, 'again')
    const args = command.replaceAll(small, again).replaceAll(page, join(folder, 'again.html')).split(' ')
    const ended = await kerf([...args, '--json'])
    expect(ended.code, ended.stdout).toBe(0)
    const file = 'model.safetensors'
    const [first] = names(small).filter(name => name.endsWith(file) || name.endsWith('.kerf'))
    expect(readFileSync(join(again, first!)).equals(readFileSync(join(small, first!)))).toBe(true)
    expect(json(ended)).toHaveProperty('quality.small.perplexity', result.quality?.small.perplexity)
  })
})

describe('where quality is measured', () => {
  it('without a text: on a sample that ships with kerf', async () => {
    const out = join(folder, 'default')
    const { quality } = await compress(stories, { ...quick, out, report: join(folder, 'default.html') })
    expect(quality?.measuredOn).toBe('a sample that ships with kerf')
    expect(quality?.original.tokens).toBeGreaterThan(1000)
  })

  it('on the calibration text: it says so', async () => {
    const out = join(folder, 'same')
    const report = join(folder, 'same.html')
    const { quality } = await compress(stories, {
      ...quick,
      out,
      calibration: sample,
      evalText: sample,
      report,
    })
    expect(quality?.onCalibrationText).toBe(true)
    expect(readFileSync(report, 'utf8')).toContain('Calibration saw the same text')
  })

  it('within maxMemory, as the compression', async () => {
    const options = { ...quick, out: join(folder, 'limited'), maxMemory: '2GiB', evalText: sample }
    const { quality, peakRssBytes } = await compress(stories, options)
    expect(quality?.small.perplexity).toBeGreaterThan(1)
    expect(peakRssBytes).toBeLessThan(2 * 1024 ** 3)
  })

  it('without a report: in the result alone', async () => {
    const ended = await kerf([
      'compress',
      stories,
      '--out',
      join(folder, 'bare'),
      '--tokens',
      '1024',
      '--eval-text',
      sample,
    ])
    expect(ended.code, ended.stderr).toBe(0)
    expect(ended.stdout).toMatch(/perplexity +5\.4\d* → \d+.*KL .*same top token .*tinystories-sample\.txt/)
    expect(ended.stdout).toMatch(/of that +linear layers .*embeddings .*everything else/)
    expect(ended.stdout).toMatch(/before +\w.*\n +after +\w/)
  })

  it('of an architecture that is not known: nowhere, and the page says why', async () => {
    const model = copyModel(stories, folder, 'strange')
    const config = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8')) as object
    writeFileSync(join(model, 'config.json'), JSON.stringify({ ...config, model_type: 'nonesuch' }))
    const report = join(folder, 'strange.html')
    const done = await compress(model, { method: 'rtn', out: join(folder, 'strange-small'), report })
    expect(done.quality).toBeUndefined()
    expect(done.notes.join()).toContain('quality was not measured: kerf cannot run architecture "nonesuch"')
    const text = readFileSync(report, 'utf8')
    expect(sectionOf(text, 'quality')).toContain('Quality was not measured')
    expect(sectionOf(text, 'depth')).toContain('in the order of the model')
  })

  it('on a text of which nothing can be predicted: the result stays, with a note', async () => {
    const empty = join(folder, 'empty.txt')
    writeFileSync(empty, '')
    const out = join(folder, 'unmeasured')
    const done = await compress(stories, { ...quick, out, evalText: empty })
    expect(done.quality).toBeUndefined()
    expect(done.notes.join()).toMatch(/quality could not be measured: .*empty/)
    expect(existsSync(out)).toBe(true)
  })

  it.skipIf(!encoder)('of an encoder: by the vectors of sentences', async () => {
    const out = join(folder, 'encoder')
    const options = { out, method: 'magnitude', sparsity: 0.5, report: join(folder, 'encoder.html') } as const
    const { quality } = await compress(encoder!, options)
    expect(quality).toMatchObject({ kind: 'encoder', sentences: 24 })
    expect(quality?.meanCosine).toBeGreaterThan(0.5)
    expect(quality?.meanCosine).toBeLessThan(0.9999)
    expect(quality?.samples[0]).toMatchObject({
      text: 'A man is playing a guitar on stage.',
      before: { text: 'Somebody performs music in front of an audience.' },
    })
  })
})

describe('before the work starts', () => {
  const cases: [string, Record<string, string>, string][] = [
    ['report', { report: join(folder, 'no', 'r.html') }, 'a file in a folder that exists'],
    ['report', { report: folder }, 'a file, not a folder'],
    ['evalText', { evalText: join(folder, 'no.txt') }, 'a file that exists'],
    ['evalPairs', { evalPairs: folder }, 'a file, not a folder'],
    ['evalPairs', { evalPairs: sample }, 'an encoder to measure (a decoder is measured with evalText)'],
  ]
  it.each(cases)('%s is refused: %j', async (option, options, expected) => {
    const out = join(folder, 'refused')
    const error = await kerfError(compress(stories, { ...quick, out, ...options }))
    expect(error.code).toBe('BAD_OPTION')
    expect(error.message).toContain(`option ${option}: expected ${expected}, got "`)
    expect(error.details).toMatchObject({ option, expected })
    expect(names(folder).filter(name => name.includes('refused'))).toEqual([])
  })

  it('the command line says the same, with exit code 2', async () => {
    const report = join(folder, 'no', 'r.html')
    const ended = await kerf([
      'compress',
      stories,
      '--out',
      join(folder, 'refused'),
      '--report',
      report,
      '--json',
    ])
    expect(ended.code).toBe(2)
    expect(jsonError(ended).details).toMatchObject({ option: 'report' })
  })
})

describe('when something fails', () => {
  it('before the result, the older report stays', async () => {
    const report = join(folder, 'kept.html')
    writeFileSync(report, 'an older report')
    const error = await kerfError(compress(stories, { ...quick, out: small, report }))
    expect(error.code).toBe('OUTPUT_EXISTS')
    expect(readFileSync(report, 'utf8')).toBe('an older report')
  })

  it('while quality is measured, the result is complete, and the error says so', async () => {
    const out = join(folder, 'cancelled')
    const report = join(folder, 'cancelled.html')
    const stop = new AbortController()
    const promise = compress(stories, {
      ...quick,
      out,
      report,
      signal: stop.signal,
      onProgress: event => event.stage === 'evaluate' && stop.abort(),
    })
    const error = await kerfError(promise)
    expect(error.code).toBe('CANCELLED')
    expect(error.message).toContain(`the result in ${out} is complete`)
    expect(names(out)).toContain('config.json')
    expect(names(folder).filter(name => name.includes('cancelled'))).toEqual(['cancelled'])
  })

  it('while the page is written, the result is complete, and nothing lies about', async () => {
    const out = join(folder, 'unwritten')
    const report = join(folder, 'unwritten.html')
    const promise = compress(stories, {
      ...quick,
      out,
      report,
      // What nobody could see before the start: a folder that appears in the place of the page.
      onProgress: event => void (event.stage === 'evaluate' && mkdirSync(report, { recursive: true })),
    })
    const error = await kerfError(promise)
    expect(error.code).toBe('IO')
    expect(error.message).toContain(
      `the result in ${out} is complete, but the report ${report} could not be written`,
    )
    expect(names(folder).filter(name => name.includes('unwritten'))).toEqual(['unwritten', 'unwritten.html'])
  })
})

describe('the page alone', () => {
  it('is rendered from data, by both module systems alike', async () => {
    const data = reportData(2)
    const expected = await renderReport(data)
    const body = `kerf.renderReport(${JSON.stringify(data)}).then(page => process.stdout.write(page))`
    const source = `const kerf = require(${JSON.stringify(join(root, 'dist', 'index.cjs'))}); ${body}`
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', source])
    expect(stdout).toBe(expected)
  })

  it('comes with its charting library only when it is wanted', () => {
    for (const file of ['index.js', 'index.cjs', 'cli.js']) {
      expect(readFileSync(join(root, 'dist', file), 'utf8')).not.toMatch(/zrender|echarts/i)
    }
    expect(readFileSync(join(root, 'dist', 'report.licences.txt'), 'utf8')).toMatch(
      /Apache License[\s\S]*ECharts/,
    )
  })
})
