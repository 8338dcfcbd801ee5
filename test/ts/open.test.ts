// Models that stay open: the answers of the functions, calls in turn, memory, the end.
import { classify, embed, evaluate, generate, open } from 'kerf'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kerfError } from './support/errors.js'
import { root, stories } from './support/models.js'

const at = (name: string): string => join(root, 'test', 'golden', 'tasks', name)
const texts = ['a cat', 'a dog', 'once upon a time']

describe('an open model', () => {
  let model: Awaited<ReturnType<typeof open>>
  beforeAll(async () => {
    model = await open(stories)
  })
  afterAll(() => model.close())

  it('gives what the functions give, again and again', async () => {
    const [vectors, text] = [
      await embed(stories, texts),
      await generate(stories, 'One day', { maxTokens: 12 }),
    ]
    const { nll } = await evaluate(stories, { text: texts.join(' ') })
    for (let round = 0; round < 3; round++) {
      expect(await model.embed(texts)).toEqual(vectors)
      expect((await model.generate('One day', { maxTokens: 12 })).text).toBe(text.text)
      expect(await model.score(texts.join(' '))).toBe(nll)
    }
    expect(await embed(model, texts)).toEqual(vectors)
    expect(model.kind).toBe('decoder')
  })

  it('says what it holds', async () => {
    const fresh = await open(stories)
    expect(await fresh.memory()).toBe(0)
    await fresh.embed(texts)
    const held = await fresh.memory()
    expect(held).toBeGreaterThan(100_000)
    await fresh.embed(texts)
    expect(await fresh.memory()).toBe(held)
    await fresh.close()
  })

  it('streams text, every piece once and in order', async () => {
    const { text } = await model.generate('One day', { maxTokens: 20 })
    let streamed = ''
    for await (const piece of model.generate('One day', { maxTokens: 20, stream: true })) streamed += piece
    expect(streamed).toBe(text)
  })

  it('stops writing where a loop is left', async () => {
    let pieces = 0
    for await (const piece of model.generate('One day', { maxTokens: 400, stream: true })) {
      pieces += piece.length > 0 ? 1 : 0
      if (pieces === 3) break
    }
    expect(pieces).toBe(3)
    expect((await model.embed(texts)).length).toBe(3)
  })

  it('lets calls take turns, and a waiting one be cancelled at once', async () => {
    const long = model.generate('One day', { maxTokens: 200 })
    const stop = new AbortController()
    const order: string[] = []
    void long.then(() => order.push('long'))
    const waiting = kerfError(model.embed(texts, { signal: stop.signal }))
    stop.abort(new Error('enough'))
    expect(await waiting).toMatchObject({ code: 'CANCELLED', cause: stop.signal.reason as unknown })
    order.push('cancelled')
    const [vectors] = await Promise.all([model.embed(texts), long])
    expect(vectors).toEqual(await embed(stories, texts))
    expect(order).toEqual(['cancelled', 'long'])
  })

  it('goes on after an error', async () => {
    expect((await kerfError(model.classify(['a']))).code).toBe('WRONG_KIND')
    expect((await kerfError(model.embed([]))).code).toBe('EMPTY')
    const other = { architecture: at('pairs.tsv') }
    const error = await kerfError(embed(model, texts, other))
    expect(error).toMatchObject({ code: 'BAD_OPTION', details: { option: 'architecture' } })
    expect((await model.embed(texts)).length).toBe(3)
  })
})

describe('the end of an open model', () => {
  it('comes after the calls that are there; later ones are refused', async () => {
    const model = await open(at('bert-two'))
    const last = model.classify(['a film'])
    const closing = model.close()
    const late = kerfError(model.classify(['a film']))
    expect(await last).toEqual(await classify(at('bert-two'), ['a film']))
    expect((await late).code).toBe('CLOSED')
    await closing
    await model.close()
    expect(model.isClosed).toBe(true)
  })

  it('comes with its block', async () => {
    const closed = await (async () => {
      await using model = await open(stories)
      await model.embed(texts)
      return model
    })()
    expect((await kerfError(closed.embed(texts))).code).toBe('CLOSED')
  })

  it('does not come where the model cannot be opened', async () => {
    expect((await kerfError(open(at('nothing')))).code).toBe('NOT_FOUND')
  })
})
