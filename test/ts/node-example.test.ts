// The script of examples/node, started as its README says.
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { names } from './support/folders.js'
import { encoder, stories } from './support/models.js'
import { runNode } from './support/node.js'
import { installedExample } from './support/packed.js'

let example = ''
beforeAll(async () => {
  example = await installedExample('node')
})

describe('the Node example', () => {
  it('shrinks a decoder and lets it write', async () => {
    const text = await runNode(example, ['shrink.js', stories, 'small'])
    expect(text).toMatch(/1\.1 MB will become 0\.\d MB\n/)
    expect(text).toMatch(/^100 %: Writing the files$/m)
    expect(text).toMatch(/^35 matrices, \d\.\d\d bits per weight$/m)
    expect(text).toMatch(/^Once upon a time.{20}/m)
    expect(names(join(example, 'small'))).toContain('config.json')
  })

  it('says what is wrong by its code', async () => {
    expect(await runNode(example, ['shrink.js', 'nothing', 'other'])).toMatch(/^NOT_FOUND: .*nothing/)
  })

  it.skipIf(encoder === undefined)(
    'shrinks an encoder and lets it embed (needs the folder shared)',
    async () => {
      const text = await runNode(example, ['shrink.js', encoder ?? '', 'encoder'])
      expect(text).toMatch(/cosine of two sentences: 0\.\d{3}/)
    },
  )
})
