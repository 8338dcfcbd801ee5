import { embed, isa } from 'kerf'
import { expect, it } from 'vitest'
import { stories } from '../../models.js'

it('kerf works in a thread of vitest', async () => {
  expect(isa()).not.toBe('')
  expect(await embed(stories, ['a dog', 'a cat'])).toHaveLength(2)
})
