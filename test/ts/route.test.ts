// Token routing through the API and the command line, on the small models of the repository. Gates and search are tested in their crates.
import { compress, evaluate, generate, inspect, route, type ProgressEvent, type RouteOptions } from 'kerf'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { json, kerf } from './support/cli.js'
import { kerfError } from './support/errors.js'
import { digest, names, temporaryFolder } from './support/folders.js'
import { root, sample, stories } from './support/models.js'

const at = (name: string): string => join(root, 'test', 'golden', name)
const bert = at('pipeline/bert')
const classics = join(root, '..', 'shared', 'models', 'classics-6M')

/** A search that takes moments. */
const short = {
  calibration: sample,
  tokens: 1024,
  tokenSparsity: 0.3,
  generations: 3,
  offspring: 4,
  threads: 1,
} as const

interface Said {
  router: string
  sparsity: number[]
  model: { blocks: number; digest: string }
}

const saidOf = (folder: string): Said =>
  JSON.parse(readFileSync(join(folder, 'schedule.json'), 'utf8')) as Said

/** A router of the small model, which the tests share. */
let made: Promise<string> | undefined
function aRouter(): Promise<string> {
  made ??= route(stories, { ...short, out: join(temporaryFolder(), 'router') }).then(({ out }) => out)
  return made
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

describe('route', () => {
  it('finds a schedule with the mean that was asked for, and says what it costs', async () => {
    const folder = temporaryFolder()
    const out = join(folder, 'router')
    const events: ProgressEvent[] = []
    const report = await route(stories, {
      ...short,
      out,
      report: join(folder, 'page.html'),
      onProgress: event => events.push(event),
    })
    expect(report).toMatchObject({
      architecture: 'llama',
      router: 'static',
      tokenSparsity: 0.3,
      generations: 3,
    })
    expect(mean(report.sparsity)).toBeCloseTo(0.3, 1)
    expect(report.sparsity).toHaveLength((await inspect(stories)).blocks)
    expect(report.measured.map(({ router, schedule }) => `${router} ${schedule}`)).toEqual([
      'random uniform',
      'static uniform',
      'static searched',
    ])
    for (const { skipped, kl, perplexity } of report.measured) {
      expect(Math.abs(skipped - 0.3)).toBeLessThan(0.05)
      expect(kl).toBeGreaterThan(0)
      expect(perplexity).toBeGreaterThan(1)
    }
    expect(report.heldOutWindows).toBeGreaterThan(0)
    expect(report.kept.blocks).toHaveLength(5)
    for (const [block, kept] of report.kept.blocks.entries()) {
      expect(kept).toHaveLength(report.kept.tokens.length)
      expect([kept[0], kept.at(-1)]).toEqual([true, true])
      const skipped = kept.filter(isKept => !isKept).length / kept.length
      expect(Math.abs(skipped - (report.sparsity[block] ?? 0))).toBeLessThan(0.1)
    }
    const shares = events.map(({ overall }) => overall)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.at(-1)).toBe(1)
    expect(new Set(events.map(({ stage }) => stage))).toEqual(new Set(['search', 'measure', 'write']))
    expect(names(folder)).toEqual(['page.html', 'router'])
    expect(names(out)).toEqual(['README.md', 'schedule.json'])
    expect(saidOf(out)).toMatchObject({ router: 'static', sparsity: report.sparsity, model: { blocks: 5 } })
    expect(readFileSync(join(out, 'README.md'), 'utf8')).toContain('| static | searched |')
    const page = readFileSync(join(folder, 'page.html'), 'utf8')
    for (const part of ['chart-schedule', 'chart-kept', 'kerf route', 'static']) expect(page).toContain(part)
  })

  it('goes on after a stop, to the same bytes', async () => {
    const folder = temporaryFolder()
    const options = { ...short, generations: 12, offspring: 8 }
    const whole = join(folder, 'whole')
    await route(stories, { ...options, out: whole })
    const out = join(folder, 'out')
    const stop = new AbortController()
    const stopped = route(stories, {
      ...{ ...options, out, signal: stop.signal },
      onProgress: ({ stage }) => {
        if (stage === 'search') stop.abort()
      },
    })
    expect((await kerfError(stopped)).code).toBe('CANCELLED')
    expect(names(folder)).toEqual(['.out.kerf-work', 'whole'])
    // What was measured so far, which the second run need not measure again.
    const work = join(folder, '.out.kerf-work', 'search')
    expect(names(work).filter(name => name.endsWith('measures.json'))).not.toHaveLength(0)
    await route(stories, { ...options, out })
    expect(digest(out)).toEqual(digest(whole))
    expect(names(folder)).toEqual(['out', 'whole'])
  })

  it('teaches a router, which goes on after a stop to the same bytes', async () => {
    const folder = temporaryFolder()
    const options = { ...short, generations: 1, router: 'mlp', steps: 60, rank: 2 } as const
    const whole = join(folder, 'whole')
    const report = await route(stories, { ...options, out: whole })
    const { improved, klLearned, klStatic } = report.learning ?? {}
    expect(improved).toBe((klLearned ?? NaN) < (klStatic ?? NaN))
    expect(report.notes.some(note => note.includes('static rule'))).toBe(improved === false)
    expect(report.learning?.curve[0]?.step).toBe(0)
    expect(report.measured.map(({ router, schedule }) => `${router} ${schedule}`)).toEqual([
      'random uniform',
      'static uniform',
      'static searched',
      'mlp searched',
    ])
    expect(names(whole)).toEqual(['README.md', 'router.safetensors', 'schedule.json'])
    const { routing } = await generate(stories, 'Once upon a time there was', {
      router: whole,
      maxTokens: 60,
    })
    expect(routing).toMatchObject({ router: 'mlp' })
    expect(routing?.skipped).toBeGreaterThan(0.15)
    const out = join(folder, 'out')
    const stop = new AbortController()
    const stopped = route(stories, {
      ...{ ...options, out, signal: stop.signal },
      onProgress: ({ stage }) => {
        if (stage === 'learn') stop.abort()
      },
    })
    expect((await kerfError(stopped)).code).toBe('CANCELLED')
    await route(stories, { ...options, out })
    expect(digest(out)).toEqual(digest(whole))
    expect(names(folder)).toEqual(['out', 'whole'])
  })

  it('replaces its own results alone', async () => {
    const out = join(temporaryFolder(), 'router')
    const options = { ...short, generations: 0, out }
    await route(stories, options)
    expect((await kerfError(route(stories, options))).code).toBe('OUTPUT_EXISTS')
    await route(stories, { ...options, force: true, seed: 5 })
    expect(JSON.parse(readFileSync(join(out, 'schedule.json'), 'utf8'))).toMatchObject({ seed: 5 })
    writeFileSync(join(out, 'schedule.json'), '{}')
    expect((await kerfError(route(stories, { ...options, force: true }))).code).toBe('OUTPUT_EXISTS')
  })

  it('works on a model that kerf compressed', async () => {
    const folder = temporaryFolder()
    const small = await compress(stories, {
      preset: 'light',
      out: join(folder, 'small'),
      tokens: 512,
      threads: 1,
    })
    const { out } = await route(small.out, { ...short, generations: 1, out: join(folder, 'router') })
    const { routing } = await generate(small.out, 'Once upon a time', { router: out, maxTokens: 8 })
    expect(routing?.skipped).toBeGreaterThan(0.1)
    const error = await kerfError(generate(stories, 'Once', { router: out }))
    expect(error.code).toBe('WRONG_MODEL')
  })

  it.each<[string, string, RouteOptions, string]>([
    ['a sparsity of nothing', stories, { tokenSparsity: 0 }, 'BAD_OPTION'],
    ['a router that is none', stories, { router: 'magic' as 'static' }, 'BAD_OPTION'],
    ['steps of a router that does not learn', stories, { steps: 5 }, 'BAD_OPTION'],
    ['a text that is too short', stories, { calibration: ['Once upon a time'] }, 'BAD_OPTION'],
    ['too little memory', stories, { maxMemory: '1MB' }, 'MEMORY_LIMIT'],
    ['an encoder', bert, {}, 'WRONG_KIND'],
  ])('refuses %s', async (_, model, wrong, code) => {
    const folder = temporaryFolder()
    const error = await kerfError(route(model, { ...short, ...wrong, out: join(folder, 'out') }))
    expect(error.code).toBe(code)
    expect(names(folder)).toEqual([])
  })
})

describe('a router in use', () => {
  it('writes the dense text where nothing is skipped', async () => {
    const prompt = 'Once upon a time there was a little girl'
    const options = { maxTokens: 40, threads: 1 }
    const dense = await generate(stories, prompt, options)
    const routed = await generate(stories, prompt, { ...options, router: 'static', tokenSparsity: 0 })
    expect(routed.text).toBe(dense.text)
    expect([dense.routing, routed.routing?.skipped]).toEqual([undefined, 0])
  })

  it('says the share that was skipped, in prompt and writing', async () => {
    const router = await aRouter()
    const prompt = 'Once upon a time there was a little girl who had a big red ball. '.repeat(4)
    const { routing, tokens } = await generate(stories, prompt, { router, maxTokens: 60, threads: 1 })
    expect(tokens).toBeGreaterThan(1)
    expect(routing).toMatchObject({ router: 'static' })
    for (const share of [routing?.skipped, routing?.promptSkipped, routing?.decodingSkipped])
      expect(Math.abs((share ?? 0) - 0.3)).toBeLessThan(0.08)
  })

  it('measures a text behind prompts, dense and routed', async () => {
    const router = await aRouter()
    const none = await evaluate(stories, {
      textFile: sample,
      router: 'static',
      tokenSparsity: 0,
      context: 128,
    })
    expect(none.routing).toMatchObject({ skipped: 0, window: 128, prompt: 96, topTokenAgreement: 1 })
    expect(none.perplexity).toBe(none.routing?.densePerplexity)
    expect(none.routing?.kl).toBeLessThan(1e-9)
    const { routing, perplexity, tokens, text } = await evaluate(stories, {
      textFile: sample,
      router,
      context: 128,
    })
    expect(tokens).toBe(((text?.tokens ?? 0) / 128) * 32)
    expect(routing?.densePerplexity).toBeCloseTo(none.perplexity ?? 0, 6)
    expect(perplexity).toBeGreaterThan(routing?.densePerplexity ?? Infinity)
    expect(Math.abs((routing?.skipped ?? 0) - 0.3)).toBeLessThan(0.05)
    expect(routing?.seconds).toBeGreaterThan(0)
    expect(routing?.denseSeconds).toBeGreaterThan(0)
    const share = { textFile: sample, tokenSparsity: 0.3, context: 128 }
    const random = await evaluate(stories, { ...share, router: 'random' })
    expect(random.routing?.kl).toBeGreaterThan(routing?.kl ?? Infinity)
    const searched = await evaluate(stories, { ...share, router: 'static', schedule: router })
    expect(searched.perplexity).toBe(perplexity)
  })

  it('measures completions behind their prompts', async () => {
    const completion = at('tasks/prompts.jsonl')
    const model = at('tasks/llama')
    const dense = await evaluate(model, { completion })
    const none = await evaluate(model, { completion, router: 'static', tokenSparsity: 0 })
    expect(none.completions?.logLikelihood).toBeCloseTo(dense.completions?.logLikelihood ?? NaN, 4)
    const routed = await evaluate(model, { completion, generate: 5, router: 'random', tokenSparsity: 0.5 })
    expect(routed.routing?.skipped).toBeGreaterThan(0.1)
    expect(routed.completions?.logLikelihood).not.toBe(dense.completions?.logLikelihood)
    expect(routed.writing?.prompts).toBeGreaterThan(0)
  })

  it.each<[string, string, object, string, string]>([
    ['a rule without a share', stories, { router: 'static' }, 'BAD_OPTION', 'tokenSparsity'],
    ['a share without a router', stories, { tokenSparsity: 0.3 }, 'BAD_OPTION', 'tokenSparsity'],
    ['a schedule without a router', stories, { schedule: 'x' }, 'BAD_OPTION', 'schedule'],
    ['a folder that is none', stories, { router: 'test/fixtures' }, 'BAD_ROUTER', ''],
    ['a folder that is not there', stories, { router: 'no-such-router' }, 'NOT_FOUND', ''],
    ['an encoder', bert, { router: 'static', tokenSparsity: 0.3 }, 'WRONG_KIND', ''],
    [
      'pairs',
      at('tasks/llama'),
      { router: 'static', tokenSparsity: 0.3, pairs: 'p.csv' },
      'BAD_OPTION',
      'pairs',
    ],
  ])('refuses %s', async (_, model, options, code, option) => {
    const error = await kerfError(evaluate(model, { text: 'Once upon a time', ...options }))
    expect(error.code).toBe(code)
    if (option !== '') expect(error.details['option']).toBe(option)
  })

  it('refuses the router of another model, another share, and a damaged folder', async () => {
    const router = await aRouter()
    const wrong = await kerfError(generate(at('tasks/llama'), 'a', { router }))
    expect(wrong.code).toBe('WRONG_MODEL')
    expect(wrong.message).toContain('kerf route')
    const share = await kerfError(generate(stories, 'a', { router, tokenSparsity: 0.6 }))
    expect([share.code, share.details['option']]).toEqual(['BAD_OPTION', 'tokenSparsity'])
    const folder = temporaryFolder()
    const damaged = (change: object): Promise<unknown> => {
      writeFileSync(join(folder, 'schedule.json'), JSON.stringify({ ...saidOf(router), ...change }))
      return generate(stories, 'a', { router: folder })
    }
    expect((await kerfError(damaged({ version: 99 }))).code).toBe('ROUTER_VERSION')
    expect((await kerfError(damaged({ sparsity: [0.5] }))).code).toBe('BAD_ROUTER')
    const { model } = saidOf(router)
    const other = { model: { ...model, digest: model.digest.replace(/^./, d => (d === '0' ? '1' : '0')) } }
    expect((await kerfError(damaged(other))).code).toBe('WRONG_MODEL')
  })
})

describe.runIf(existsSync(classics))('on a model of six million weights', () => {
  it('a searched schedule is nearer to the dense model than the same share in every block', async () => {
    const { measured } = await route(classics, {
      ...{ out: join(temporaryFolder(), 'router'), tokens: 4096, generations: 6, offspring: 8, threads: 2 },
    })
    const [random, uniform, searched] = measured.map(({ kl }) => kl)
    expect(searched).toBeLessThan(uniform ?? 0)
    expect(uniform).toBeLessThan(random ?? 0)
  })
})

describe('kerf route', () => {
  it('shows what was found, and what to do next', async () => {
    const out = join(temporaryFolder(), 'router')
    const flags = [
      '--token-sparsity',
      '0.4',
      '--calibration',
      sample,
      '--tokens',
      '512',
      '--generations',
      '1',
    ]
    const { stdout, code } = await kerf(['route', stories, ...flags, '--offspring', '2', '--out', out])
    expect(code).toBe(0)
    for (const part of ['static, searched', 'by block', `--router ${out}`]) expect(stdout).toContain(part)
    const evaluated = await kerf(['eval', stories, '--text', sample, '--router', out, '--json'])
    expect(json(evaluated)['routing']).toMatchObject({ router: 'static' })
    const shown = await kerf([
      'eval',
      stories,
      '--text',
      sample,
      '--router',
      'random',
      '--token-sparsity',
      '0.2',
    ])
    for (const part of ['skipped', 'dense perplexity', 'kl']) expect(shown.stdout).toContain(part)
    const written = await kerf(['generate', stories, '--prompt', 'Once upon', '--router', out])
    expect(written.stderr).toContain('pairs skipped')
  })

  it('names flags in errors', async () => {
    const wrong = await kerf(['eval', stories, '--text', sample, '--router', 'static'])
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toContain('--token-sparsity')
    const lonely = await kerf(['generate', stories, '--token-sparsity', '0.2'])
    expect(lonely.stderr).toContain('--router')
  })
})
