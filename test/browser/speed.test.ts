// The same compression in a page without threads, in one with two, and by the addon on one thread (npm run bench:browser). Prints how they
// compare, in turns, medians; what is asserted is that all three did the same work.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { openPage, root, useBrowser } from './support/chromium.js'
import { choose } from './support/files.js'
import type { CompressReport } from '../../ts/index.js'

const shared = join(root, '..', 'shared')
const encoder = join(shared, 'models', 'all-MiniLM-L6-v2')
const wanted = process.env['KERF_SPEED'] === '1' && existsSync(encoder)
const ROUNDS = 3
const calibration = join(shared, 'text', 'stsb-calibration-512.txt')
const options = { sparsity: 0.7, bits: 4 } as const

const node = (await import(join(root, 'dist', 'index.js'))) as typeof import('../../ts/index.js')
const browser = useBrowser()
const folder = mkdtempSync(join(tmpdir(), 'kerf-speed-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function inPage(name: string, threads: number): Promise<CompressReport> {
  const page = await openPage(browser, name, { isolated: threads > 1 })
  await choose(page, encoder)
  const report = await page.evaluate(
    async ([given, text, count]) => {
      const sentences = new File([text], 'sentences.txt')
      return kerf.compress(chosen, { ...given, calibration: sentences, threads: count, estimate: false })
    },
    [options, readFileSync(calibration, 'utf8'), threads] as const,
  )
  await page.close()
  return report
}

const inNode = (name: string): Promise<CompressReport> =>
  node.compress(encoder, {
    ...options,
    calibration,
    threads: 1,
    estimate: false,
    out: join(folder, name),
  })

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? NaN

/** Rate of a step over a run, in GFLOP/s. */
function rate({ work }: CompressReport, step: string): string {
  const parts = work.filter(part => part.step === step)
  const sum = (of: (part: (typeof parts)[number]) => number): number =>
    parts.reduce((total, part) => total + of(part), 0)
  return `${(sum(part => part.flops) / sum(part => part.seconds) / 1e9).toFixed(1)} GFLOP/s`
}

it.skipIf(!wanted)('compresses MiniLM in a page and beside it', { timeout: 3_000_000 }, async () => {
  const runs = { one: [], two: [], addon: [] } as Record<'one' | 'two' | 'addon', CompressReport[]>
  for (let round = 0; round < ROUNDS; round++) {
    runs.addon.push(await inNode(`addon-${round}`))
    runs.one.push(await inPage(`one-${round}`, 1))
    runs.two.push(await inPage(`two-${round}`, 2))
  }
  const seconds = Object.fromEntries(
    Object.entries(runs).map(([name, reports]) => [name, median(reports.map(report => report.seconds))]),
  ) as Record<keyof typeof runs, number>
  const [addon, one, two] = [runs.addon[0], runs.one[0], runs.two[0]] as [
    CompressReport,
    CompressReport,
    CompressReport,
  ]
  console.log(`addon, one thread, ${addon.isa}: ${seconds.addon.toFixed(1)} s`)
  console.log(
    `page, one thread, ${one.isa}: ${seconds.one.toFixed(1)} s, ${(seconds.one / seconds.addon).toFixed(2)} x the addon's`,
  )
  console.log(
    `page, two threads: ${seconds.two.toFixed(1)} s, ${(seconds.one / seconds.two).toFixed(2)} times as fast as one`,
  )
  for (const step of ['support', 'refit', 'moments', 'network']) {
    console.log(
      `${step}: page, one thread ${rate(one, step)}, two ${rate(two, step)}; addon ${rate(addon, step)}`,
    )
  }
  for (const { tokens, bitsPerWeight, threads } of [one, two]) {
    expect(tokens).toBe(addon.tokens)
    expect(bitsPerWeight).toBeCloseTo(addon.bitsPerWeight, 1)
    expect(threads).toBeGreaterThan(0)
  }
})
