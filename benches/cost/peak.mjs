// The rate of the matrix product on all threads of this machine.
import { measure } from '../lib/measure.mjs'
import { fail, root } from '../lib/paths.mjs'

const PRODUCT = 'gemm_nt 2048 x 4096 x 4096'

/** GFLOP/s of a large product on `threads` threads, by `cargo bench -p kerf-kernels --bench limits`. */
export async function productPeak(threads) {
  const bench = ['bench', '-q', '-p', 'kerf-kernels', '--bench', 'limits', '--']
  const name = `${PRODUCT}, ${threads} thread`
  const run = await measure('cargo', [...bench, name], { cwd: root })
  const line = run.stdout.split('\n').find(line => line.startsWith(name))
  const rate = /([\d.]+) GFLOP\/s/.exec(line ?? '')
  if (run.code !== 0 || !rate)
    fail(`no rate of a product on ${threads} threads: cargo ${bench.join(' ')} '${name}'`)
  return Number(rate[1])
}
