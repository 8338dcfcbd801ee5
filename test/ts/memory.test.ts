// Peak memory of whole runs, seen from outside the process: what was planned is kept, also while quality is measured afterwards.
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { json } from './support/cli.js'
import { temporaryFolder } from './support/folders.js'
import { writeLargeVocabulary } from './support/large-vocabulary.js'
import { root, sample, stories } from './support/models.js'
import { kerfWithPeak, TELLS_PEAK } from './support/peak.js'

const MINUTES = 60_000
/** How far plan and truth may be apart. */
const APART = 1.25

/** SmolLM2-135M, which ../shared/tools/smollm2.py makes. */
const smollm2 = [process.env['KERF_SMOLLM2'], `${root}../smol/model`].find(
  path => path !== undefined && existsSync(join(path, 'model.safetensors')),
)
if (smollm2 === undefined) process.stderr.write('SKIPPED: SmolLM2-135M is not there (KERF_SMOLLM2)\n')

const folder = temporaryFolder()
const common = ['--threads', '2', '--no-config', '--json']

async function planned(model: string, flags: readonly string[]): Promise<number> {
  const { stdout } = await kerfWithPeak(['plan', model, ...flags, ...common, '--no-estimate'])
  return (JSON.parse(stdout) as { peakMemoryBytes: number }).peakMemoryBytes
}

/** Compresses within what the plan says, measures quality within the same, and says how much it took. */
async function run(model: string, flags: readonly string[]): Promise<{ limit: number; peak: number }> {
  const limit = await planned(model, flags)
  const name = flags.join('').replaceAll(/[^a-z0-9]/g, '')
  const out = ['--out', join(folder, name), '--report', join(folder, `${name}.html`)]
  const ended = await kerfWithPeak([
    'compress',
    model,
    ...flags,
    ...common,
    ...out,
    '--max-memory',
    `${limit}`,
  ])
  expect(ended.code, ended.stdout + ended.stderr).toBe(0)
  const report = json(ended)
  expect(report['quality'], JSON.stringify(report['notes'])).toBeDefined()
  return { limit, peak: ended.peakBytes }
}

describe.runIf(TELLS_PEAK)('the memory of a run', () => {
  it(
    'is that of its plan for a vocabulary of 256,000 tokens, with probes and while quality is measured',
    async () => {
      const model = writeLargeVocabulary(join(folder, 'vocabulary'), 256_000)
      const { limit, peak } = await run(model, ['--tokens', '2048'])
      expect(peak).toBeLessThanOrEqual(limit)
    },
    5 * MINUTES,
  )

  it(
    'does not depend on the length of the calibration text',
    async () => {
      const words = 'One day a little girl went to the park with her dog and saw a big red ball. '
      const file = join(folder, 'long.txt')
      writeFileSync(file, `${words.repeat(1000)}\n`.repeat(1000))
      expect(statSync(file).size).toBeGreaterThan(70e6)
      const peakOf = async (text: string): Promise<number> => {
        const out = join(folder, `of-${statSync(text).size}`)
        const flags = [
          '--method',
          'wanda',
          '--sparsity',
          '0.5',
          '--tokens',
          '4096',
          '--no-estimate',
          '--calibration',
          text,
        ]
        const ended = await kerfWithPeak(['compress', stories, ...flags, ...common, '--out', out])
        expect(ended.code, ended.stdout).toBe(0)
        return ended.peakBytes
      }
      const [short, long] = [await peakOf(sample), await peakOf(file)]
      expect(long - short).toBeLessThan(40e6)
    },
    5 * MINUTES,
  )

  it.runIf(smollm2 !== undefined)(
    'is that of its plan for SmolLM2-135M, while quality is measured as well',
    async () => {
      const { limit, peak } = await run(smollm2 ?? '', ['--bits', '4', '--quality', 'fast'])
      expect(peak).toBeLessThanOrEqual(limit)
      expect(limit / peak).toBeLessThan(APART)
    },
    20 * MINUTES,
  )
})
