// `kerf serve` with the client of OpenAI, and with clients that are none.
import { embed, generate } from 'kerf'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kerf } from './support/cli.js'
import { temporaryFolder } from './support/folders.js'
import { root, stories } from './support/models.js'

const folder = join(temporaryFolder(), 'chatty')
let [url, end, client]: [string, () => Promise<number | null>, OpenAI] = ['', async () => 0, {} as OpenAI]

beforeAll(async () => {
  cpSync(stories, folder, { recursive: true })
  const template = '{% for message in messages %}{{ message.content }}{% endfor %}'
  writeFileSync(join(folder, 'chat_template.jinja'), template)
  const limits = ['--queue', '3', '--max-tokens', '400', '--max-body', '20000', '--max-texts', '8']
  const args = [join(root, 'dist', 'cli.js'), 'serve', folder, '--port', '0', '--json', ...limits]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const told = JSON.parse(line.toString()) as { url: string; model: string }
  expect(told.model).toBe('chatty')
  url = told.url
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })
  end = async () => {
    child.kill('SIGINT')
    const [code] = (await once(child, 'exit')) as [number | null]
    return code
  }
})
afterAll(async () => expect(await end()).toBe(0))

const post = (path: string, body: unknown): Promise<Response> =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

describe("OpenAI's client", () => {
  it('lists the model', async () => {
    const { data } = await client.models.list()
    expect(data.map(({ id }) => id)).toEqual(['chatty'])
    expect((await client.models.retrieve('chatty')).id).toBe('chatty')
  })

  it('gets vectors, as base64 and as numbers', async () => {
    const input = ['a cat', 'once upon a time']
    const expected = (await embed(folder, input)).map(vector => [...vector])
    for (const encoding_format of ['base64', 'float'] as const) {
      const found = await client.embeddings.create({ model: 'chatty', input, encoding_format })
      expect(
        found.data.map(({ embedding }) => (typeof embedding === 'string' ? [] : embedding)).flat(),
      ).toHaveLength(encoding_format === 'float' ? expected.flat().length : 0)
      if (encoding_format === 'float') expect(found.data.map(({ embedding }) => embedding)).toEqual(expected)
      expect(found.usage.prompt_tokens).toBeGreaterThan(5)
    }
    // Without a format the client asks for base64 and decodes it.
    const decoded = await client.embeddings.create({ model: 'chatty', input: 'a cat', dimensions: 8 })
    expect(decoded.data[0]?.embedding).toEqual(expected[0]?.slice(0, 8))
  })

  it('gets text, whole and in pieces', async () => {
    const wanted = { model: 'chatty', prompt: 'One day', max_tokens: 20, temperature: 0 }
    const { text, promptTokens } = await generate(folder, 'One day', { maxTokens: 20 })
    const whole = await client.completions.create(wanted)
    expect(whole.choices[0]).toMatchObject({ text, finish_reason: 'length', index: 0 })
    expect(whole.usage).toEqual({
      prompt_tokens: promptTokens,
      completion_tokens: 20,
      total_tokens: promptTokens + 20,
    })
    let [pieces, reason] = ['', '']
    for await (const { choices } of await client.completions.create({ ...wanted, stream: true })) {
      pieces += choices[0]?.text ?? ''
      reason = choices[0]?.finish_reason ?? reason
    }
    expect([pieces, reason]).toEqual([text, 'length'])
  })

  it('gets answers, whole and in pieces, with usage', async () => {
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'One day' }] }] as const
    const wanted = {
      model: 'chatty',
      messages: [...messages],
      max_completion_tokens: 12,
      temperature: 0,
    } as never
    const whole = (await client.chat.completions.create(wanted)) as OpenAI.ChatCompletion
    const content = whole.choices[0]?.message.content ?? ''
    expect(content.length).toBeGreaterThan(10)
    const asked = { ...(wanted as object), stream: true, stream_options: { include_usage: true } } as never
    const stream = (await client.chat.completions.create(
      asked,
    )) as unknown as AsyncIterable<OpenAI.ChatCompletionChunk>
    let [pieces, tokens] = ['', 0]
    for await (const { choices, usage } of stream) {
      pieces += choices[0]?.delta.content ?? ''
      tokens = usage?.completion_tokens ?? tokens
    }
    expect([pieces, tokens]).toEqual([content, 12])
    const [stop] = content.trim().split(' ').slice(1)
    const stopped = (await client.chat.completions.create({
      ...(wanted as object),
      stop,
    } as never)) as OpenAI.ChatCompletion
    expect(stopped.choices[0]?.message.content).toBe(content.slice(0, content.indexOf(stop ?? '')))
    expect(stopped.choices[0]?.finish_reason).toBe('stop')
  })
})

describe('a request that is none', () => {
  it.each([
    ['/v1/completions', '{', 400, 'invalid_json'],
    ['/v1/completions', [], 400, 'invalid_json'],
    ['/v1/completions', { prompt: 'a', model: 'gpt-4' }, 404, 'model_not_found'],
    ['/v1/completions', { prompt: 'a', n: 2 }, 400, 'invalid_value'],
    ['/v1/completions', { prompt: 'a', logprobs: 3 }, 400, 'unsupported_value'],
    ['/v1/completions', { prompt: 'a', max_tokens: 401 }, 400, 'invalid_value'],
    ['/v1/completions', { prompt: ['a', 'b'] }, 400, 'invalid_value'],
    ['/v1/completions', { prompt: 'word '.repeat(2000) }, 400, 'TOO_LONG'],
    ['/v1/completions', { prompt: 'a'.repeat(30_000) }, 413, 'too_large'],
    ['/v1/chat/completions', { messages: [] }, 400, 'invalid_value'],
    [
      '/v1/chat/completions',
      { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
      400,
      'invalid_value',
    ],
    [
      '/v1/chat/completions',
      { messages: [{ role: 'user', content: 'a' }], tools: [{}] },
      400,
      'unsupported_value',
    ],
    ['/v1/embeddings', { input: [1, 2] }, 400, 'invalid_value'],
    ['/v1/embeddings', { input: Array(9).fill('a') }, 400, 'invalid_value'],
    ['/v1/embeddings', { input: [] }, 400, 'EMPTY'],
    ['/v1/nothing', {}, 404, 'not_found'],
  ] as const)('%s %j', async (path, body, status, code) => {
    const response = await post(path, body)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { code } })
  })

  it('is refused where too many wait, and served again later', async () => {
    const long = { prompt: 'One day', max_tokens: 300 }
    const answers = await Promise.all(Array.from({ length: 12 }, () => post('/v1/completions', long)))
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter(status => status === 200).length).toBeGreaterThanOrEqual(4)
    expect(statuses).toContain(429)
    await Promise.all(answers.map(answer => answer.text()))
    expect((await post('/v1/completions', { prompt: 'One day', max_tokens: 2 })).status).toBe(200)
  })

  it('of a client that goes away stops the work', async () => {
    const { port, hostname } = new URL(url)
    const body = JSON.stringify({ prompt: 'One day', max_tokens: 400, stream: true })
    const gone = Array.from({ length: 3 }, async () => {
      const socket = connect(Number(port), hostname)
      await once(socket, 'connect')
      const head = `POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
      socket.write(head + body)
      await once(socket, 'data')
      socket.destroy()
    })
    await Promise.all(gone)
    const answer = await post('/v1/completions', { prompt: 'One day', max_tokens: 2 })
    expect(answer.status).toBe(200)
  })
})

it('says that its port is in use', async () => {
  const { port } = new URL(url)
  const { code, stderr } = await kerf(['serve', folder, '--port', port])
  expect([code, stderr]).toEqual([2, expect.stringContaining(`${port}, in use`) as string])
})
