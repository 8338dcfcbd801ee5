// `recover` through the API and the command line. What it teaches is tested in crates/compress/tests/recover.rs.
import { compress, type CompressOptions, type ProgressEvent } from 'kerf'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { kerf } from './support/cli.js'
import { kerfError } from './support/errors.js'
import { digest, temporaryFolder } from './support/folders.js'
import { quick, stories } from './support/models.js'

const small = { ...quick, sparsity: 0.6, bits: 4, quality: 'fast', threads: 1 } as const

describe('recover', () => {
  it.each(['block', 'whole'] as const)('by %s lowers the held-out loss in as many bytes', async recoverBy => {
    const folder = temporaryFolder()
    const plain = await compress(stories, { ...small, out: join(folder, 'plain') })
    const events: ProgressEvent[] = []
    const page = join(folder, 'page.html')
    const report = await compress(stories, {
      ...{ ...small, out: join(folder, 'taught'), recover: '8k', recoverBy, report: page },
      onProgress: event => events.push(event),
    })
    const parts = report.recovered ?? []
    expect(parts.map(({ block }) => block)).toEqual(recoverBy === 'block' ? [0, 1, 2, 3, 4] : [undefined])
    expect(parts.every(({ before, after }) => after <= before)).toBe(true)
    expect(parts.some(({ before, after }) => after < before)).toBe(true)
    expect(report.outputBytes).toBeLessThan(1.005 * plain.outputBytes)
    expect(report.sparsity).toBeGreaterThanOrEqual(plain.sparsity)
    expect(events.some(({ stage }) => stage === 'recover')).toBe(true)
    const text = readFileSync(page, 'utf8').replaceAll(/<\/?span>/g, '')
    expect(text).toContain('id="recovery"')
    expect(text).toContain(`--recover 8000 --recover-by ${recoverBy}`)
  })

  it('counts tokens in thousands and millions, and gives the same bytes for the same count', async () => {
    const folder = temporaryFolder()
    const taught = { ...small, recoverBy: 'block' } as const
    const [a, b] = [join(folder, 'a'), join(folder, 'b')]
    await compress(stories, { ...taught, recover: '2k', out: a })
    await compress(stories, { ...taught, recover: 2000, out: b })
    expect(digest(a)).toEqual(digest(b))
  })

  it.each<[string, CompressOptions, string]>([
    ['a text that is no number', { recover: 'many' }, 'recover'],
    ['no tokens', { recover: 0 }, 'recover'],
    ['details without it', { recoverBy: 'whole' }, 'recoverBy'],
    ['a rate above 1', { recover: '1k', recoverRate: 2 }, 'recoverRate'],
    ['a run without text', { recover: '1k', method: 'rtn', bits: 4 }, 'recover'],
  ])('refuses %s', async (_, options, option) => {
    const error = await kerfError(compress(stories, { ...options, out: join(temporaryFolder(), 'out') }))
    expect(error.code).toBe('BAD_OPTION')
    expect(error.details['option']).toBe(option)
  })

  it('is said on the terminal', async () => {
    const out = join(temporaryFolder(), 'out')
    const flags = [
      '--sparsity',
      '0.6',
      '--bits',
      '4',
      '--quality',
      'fast',
      '--tokens',
      '1024',
      '--recover',
      '2k',
    ]
    const { stdout, code } = await kerf([
      'compress',
      stories,
      ...flags,
      '--recover-by',
      'block',
      '--out',
      out,
    ])
    expect(code).toBe(0)
    expect(stdout).toMatch(/recovery +held-out loss [\d.]+ % lower {2}5 blocks/)
  })
})
