// npm run bench: kernels, linear algebra and the OBS loop against the machine's limit, then methods without calibration over a
// cached 2 GB file. Each program prints its own table; see benches/README.md.
import { join } from 'node:path'
import { main, root, run, say } from '../../scripts/lib/run.mjs'

await main(async () => {
  say('Kernels and linear algebra against the GEMM rate and the copy rate of this machine')
  run('cargo', ['bench', '-q', '-p', 'kerf-kernels', '--bench', 'limits'])
  say('The OBS column loop against the GEMM rate')
  run('cargo', ['bench', '-q', '-p', 'kerf-compress', '--bench', 'obs'])
  say('Methods without calibration over a cached 2 GB file')
  run(process.execPath, [join(root, 'benches', 'datafree', 'run.mjs')])
})
