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
const ROUNDS = Number(process.env['KERF_ROUNDS'] ?? 3)
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

/** Flops and seconds of steps by name. */
type Steps = Map<string, { flops: number; seconds: number }>

/** The steps of a run, over all blocks. */
function steps({ work }: CompressReport): Steps {
  const sums: Steps = new Map()
  for (const { step, flops, seconds } of work) {
    const sum = sums.get(step) ?? { flops: 0, seconds: 0 }
    sums.set(step, { flops: sum.flops + flops, seconds: sum.seconds + seconds })
  }
  return sums
}

/** A step in seconds, and in GFLOP/s where it counts operations. */
function spent(of: Steps, step: string): string {
  const { flops, seconds } = of.get(step) ?? { flops: 0, seconds: 0 }
  const rate = flops > 0 && seconds > 0 ? ` (${(flops / seconds / 1e9).toFixed(1)})` : ''
  return `${seconds.toFixed(2)} s${rate}`
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
  console.log('step: page on one thread, on two; addon (GFLOP/s)')
  const [ofOne, ofTwo, ofAddon] = [steps(one), steps(two), steps(addon)]
  for (const step of ofOne.keys()) {
    console.log(`${step}: ${spent(ofOne, step)}, ${spent(ofTwo, step)}; ${spent(ofAddon, step)}`)
  }
  for (const { tokens, bitsPerWeight, threads } of [one, two]) {
    expect(tokens).toBe(addon.tokens)
    expect(bitsPerWeight).toBeCloseTo(addon.bitsPerWeight, 1)
    expect(threads).toBeGreaterThan(0)
  }
})
