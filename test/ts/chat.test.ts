// Conversations: prompts as transformers makes them of a template, and an open model that answers.
import { generate, open } from 'kerf'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { conversation, type ChatMessage } from '../../ts/chat.js'
import { kerf } from './support/cli.js'
import { kerfError } from './support/errors.js'
import { temporaryFolder } from './support/folders.js'
import { root, stories } from './support/models.js'

interface Goldens {
  templates: Record<string, string>
  tokens: { bosToken: string; eosToken: string }
  rows: { template: string; messages: ChatMessage[]; prompt?: string; refused?: string }[]
}

const goldens = JSON.parse(readFileSync(join(root, 'test', 'golden', 'chat.json'), 'utf8')) as Goldens

describe('a prompt', () => {
  it.each(goldens.rows.map((row, index) => [`${row.template}, conversation ${index % 4}`, row] as const))(
    'is that of transformers: %s',
    async (_, { template, messages, prompt, refused }) => {
      const format = { template: goldens.templates[template] ?? '', ...goldens.tokens }
      if (prompt !== undefined) return expect(await conversation(format, messages)).toBe(prompt)
      await expect(conversation(format, messages)).rejects.toMatchObject({
        code: 'BAD_CHAT_TEMPLATE',
        message: expect.stringContaining(refused ?? '') as string,
      })
    },
  )
})

/** A model whose files say how it reads a conversation. */
function chatty(): string {
  const folder = join(temporaryFolder(), 'chatty')
  cpSync(stories, folder, { recursive: true })
  const template =
    "{% for message in messages %}{{ message.role + ': ' + message.content + '\n' }}{% endfor %}Once upon"
  writeFileSync(join(folder, 'chat_template.jinja'), template)
  return folder
}

describe('an open model', () => {
  it('answers a conversation, whole and in pieces, up to a stop string', async () => {
    const folder = chatty()
    const model = await open(folder)
    const messages = [{ role: 'user', content: 'Tell me a story.' }]
    const { text, tokens, promptTokens } = await model.chat(messages, { maxTokens: 30 })
    const prompt = 'user: Tell me a story.\nOnce upon'
    const same = await generate(folder, prompt, { maxTokens: 30, specialTokens: false })
    expect(text).toBe(same.text)
    expect([tokens, promptTokens]).toEqual([30, same.promptTokens])
    expect((await generate(folder, prompt, { maxTokens: 1 })).promptTokens).toBe(promptTokens + 1)

    let pieces = ''
    for await (const piece of model.chat(messages, { maxTokens: 30, stream: true })) pieces += piece
    expect(pieces).toBe(text)

    const stop = text.slice(8, 12)
    const stopped = await model.chat(messages, { maxTokens: 30, stop: [stop, 'never said'] })
    expect(stopped).toMatchObject({ text: text.slice(0, text.indexOf(stop)), finish: 'stop' })
    await model.close()
  })

  it('says what is missing', async () => {
    const model = await open(stories)
    expect(model.canChat).toBe(false)
    expect((await kerfError(model.chat([{ role: 'user', content: 'Hi' }]))).code).toBe('NO_CHAT_TEMPLATE')
    expect((await kerfError(model.chat([]))).code).toBe('BAD_OPTION')
    expect((await kerfError(model.generate('a', { stop: [''] }))).details).toMatchObject({ option: 'stop' })
    await model.close()
  })
})

describe('kerf chat', () => {
  it('answers line by line, and remembers what was said', async () => {
    const folder = chatty()
    const args = [join(root, 'dist', 'cli.js'), 'chat', folder, '--max-tokens', '8', '--temperature', '0']
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    let told = ''
    child.stdout.on('data', (data: Buffer) => (told += data.toString()))
    child.stdin.end('Lily had a dog.\nIt ran.\n')
    const [code] = (await once(child, 'close')) as [number | null]
    const options = { maxTokens: 8, specialTokens: false }
    const first = await generate(folder, 'user: Lily had a dog.\nOnce upon', options)
    const again = `user: Lily had a dog.\nassistant: ${first.text}\nuser: It ran.\nOnce upon`
    const second = await generate(folder, again, options)
    expect([code, told]).toEqual([0, `${first.text}\n${second.text}\n`])
  })

  it('says that a model cannot', async () => {
    const { code, stderr } = await kerf(['chat', stories])
    expect([code, stderr]).toEqual([1, expect.stringContaining('no chat template') as string])
  })
})
