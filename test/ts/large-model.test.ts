// A sharded model of 7B shape whose weights are holes: inspect and plan read its headers alone.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect, plan } from 'kerf'
import { beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from './support/folders.js'
import { root } from './support/models.js'

const model = join(temporaryFolder(), '7b')
const LINUX = process.platform === 'linux'

/** Bytes that this process has read from files so far. */
function bytesRead(): number {
  if (!LINUX) return 0
  return Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
}

beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'benches', 'lib', 'large-model.mjs'), model])
})

describe('a model of 13.5 GB', () => {
  it('is inspected by its headers', async () => {
    const before = bytesRead()
    const { architecture, bytes, parameters, tensors } = await inspect(model)
    expect(bytesRead() - before).toBeLessThan(2e6)
    expect({ architecture, parameters, tensors: tensors.length }).toEqual({
      architecture: 'llama',
      parameters: 6_738_415_616,
      tensors: 291,
    })
    expect(bytes).toBeGreaterThan(13.4e9)
  })

  it('is planned by its headers, time and memory included', async () => {
    const before = bytesRead()
    const planned = await plan(model, { sparsity: 0.7, bits: 4 })
    expect(bytesRead() - before).toBeLessThan(4e6)
    expect(planned.outputBytes).toBeLessThan(2.4e9)
    expect(planned.seconds).toBeGreaterThan(60)
    expect(planned.peakMemoryBytes).toBeLessThan(planned.inputBytes * 0.4)
  })
})
