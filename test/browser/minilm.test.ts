// A real sentence encoder from a folder on the disk to a container that Node scores, where the shared models are there.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'
import { openPage, root, useBrowser } from './support/chromium.js'
import { choose, download } from './support/files.js'

const node = (await import(join(root, 'dist', 'index.js'))) as typeof import('../../ts/index.js')
const browser = useBrowser()
const shared = join(root, '..', 'shared')
const encoder = join(shared, 'models', 'all-MiniLM-L6-v2')
const pairs = join(shared, 'tasks', 'stsb', 'stsb-en-dev.csv')
const calibration = join(shared, 'text', 'stsb-calibration-512.txt')
const folder = mkdtempSync(join(tmpdir(), 'kerf-minilm-'))
const options = { sparsity: 0.7, bits: 4, method: 'obs', schedule: 'uniform', tokens: 2048 } as const

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What `kerf` prints with `--json`. */
async function command<T>(...args: string[]): Promise<T> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(root, 'dist', 'cli.js'),
    ...args,
    '--json',
  ])
  return JSON.parse(stdout) as T
}

it.skipIf(!existsSync(encoder))(
  'compresses all-MiniLM-L6-v2 as well as Node',
  { timeout: 590_000 },
  async () => {
    const page = await openPage(browser, 'minilm', { isolated: true })
    await choose(page, encoder)
    const seen = await page.evaluate(
      async ([given, text]) => {
        const calibration = new File([text], 'sentences.txt')
        const plan = await kerf.plan(chosen, { ...given, calibration, estimate: false })
        const report = await kerf.compress(chosen, { ...given, calibration })
        const texts = ['A saw takes away the kerf.', 'Rain is expected in the north.']
        const vectors = await kerf.embed(report.out, texts)
        return { report, planned: plan.outputBytes, texts, vectors: vectors.map(vector => [...vector]) }
      },
      [options, readFileSync(calibration, 'utf8')] as const,
    )
    const { out, isa, sparsity, bitsPerWeight, outputBytes, seconds, threads, peakRssBytes } = seen.report
    console.log(
      `MiniLM in the page: ${seconds.toFixed(1)} s, ${threads} threads, ${(peakRssBytes / 2 ** 20).toFixed(0)} MiB`,
    )
    expect({ out, isa }).toEqual({ out: 'all-MiniLM-L6-v2-kerf', isa: 'simd128' })
    expect(sparsity).toBeCloseTo(0.7, 3)

    const saved = await download(page, out, folder)
    await page.close()
    const [first, second] = await node.embed(saved, seen.texts)
    const cosine = (a: readonly number[], b: Float32Array | undefined): number =>
      a.reduce((sum, value, index) => sum + value * (b?.[index] ?? 0), 0)
    expect(cosine(seen.vectors[0] ?? [], first)).toBeCloseTo(1, 5)
    expect(cosine(seen.vectors[1] ?? [], second)).toBeCloseTo(1, 5)

    const here = join(folder, 'node')
    const report = await node.compress(encoder, { ...options, calibration, out: here })
    console.log(`and in Node: ${report.seconds.toFixed(1)} s, ${report.threads} threads, ${report.isa}`)
    expect(bitsPerWeight).toBeCloseTo(report.bitsPerWeight, 1)
    expect(outputBytes / report.outputBytes).toBeCloseTo(1, 2)
    const [page70, node70] = [
      await command<{ spearman: number }>('eval', saved, '--pairs', pairs),
      await command<{ spearman: number }>('eval', here, '--pairs', pairs),
    ]
    expect(page70.spearman).toBeCloseTo(node70.spearman, 2)
  },
)
