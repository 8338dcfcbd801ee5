import type { Command } from 'commander'
import { createInterface } from 'node:readline'
import type { ChatMessage } from '../../chat.js'
import { KerfError } from '../../errors.js'
import type { GenerateOptions } from '../../generate.js'
import type { ModelOptions } from '../../model.js'
import { open, type OpenModel } from '../../open.js'
import { exitCode, showFailure, toFailure } from '../fail.js'
import { architectureFlag, memoryFlag, number, ownFlags, threadsFlag } from '../flags.js'
import { examples } from '../help.js'
import { openScreen, type Screen } from '../screen.js'

interface Flags extends Omit<GenerateOptions, 'onToken' | 'specialTokens' | 'stop'>, ModelOptions {
  system?: string
}

/** kerf chat MODEL */
export function addChat(program: Command): void {
  const command = program
    .command('chat')
    .description('talk to a model that was trained for it')
    .argument('<model>', 'folder or file of a decoder with a chat template')
    .option('--system <text>', 'what the model is told before the conversation')
    .addOption(number('--max-tokens <n>', 'most tokens of an answer').default(512))
    .addOption(number('--temperature <t>', '0 takes the most likely token (default: as the model says)'))
    .addOption(number('--top-p <share>', 'draw from the likeliest tokens only (default: as the model says)'))
    .addOption(number('--seed <n>', 'same seed, same answers (default: 0)'))
    .addOption(threadsFlag())
    .addOption(memoryFlag())
    .addOption(architectureFlag())
  examples(command, ["kerf chat ./SmolLM2-Instruct-kerf --system 'Answer in one sentence.'"])
  command.action((model: string, flags: Flags) => run(command, model, flags))
}

async function run(command: Command, path: string, flags: Flags): Promise<void> {
  const { system, architecture, ...options } = ownFlags(flags)
  try {
    await using model = await open(path, { ...(architecture !== undefined && { architecture }) })
    // Says what is missing before anybody has written something.
    if (!model.canChat) await model.chat([{ role: 'user', content: '' }])
    await talk(model, system === undefined ? [] : [{ role: 'system', content: system }], options)
  } catch (error) {
    const failure = toFailure(error, command)
    showFailure(failure, false, command)
    process.exitCode = exitCode(failure)
  }
}

/** Asks and answers until an empty line, the end of the input, or Ctrl-C where nothing is being written. */
async function talk(model: OpenModel, messages: ChatMessage[], options: GenerateOptions): Promise<void> {
  const screen = openScreen()
  const isPerson = process.stdin.isTTY
  if (isPerson) process.stderr.write('an empty line or Ctrl-D ends it; Ctrl-C stops an answer\n')
  // A line that comes before the loop asks for it would be lost: the loop follows at once.
  const input = createInterface({ input: process.stdin, output: process.stderr, terminal: isPerson })
  let answering: AbortController | undefined
  input.on('SIGINT', () => (answering ? answering.abort() : input.close()))
  let isOpen = true
  input.once('close', () => (isOpen = false))
  const ask = (): void => {
    input.setPrompt(isPerson ? '> ' : '')
    if (isOpen) input.prompt()
  }
  ask()
  for await (const line of input) {
    if (line.trim() === '') break
    messages.push({ role: 'user', content: line })
    answering = new AbortController()
    const content = await answered(model, messages, { ...options, signal: answering.signal }, screen)
    answering = undefined
    messages.push({ role: 'assistant', content })
    ask()
  }
  input.close()
}

/** Writes the answer as it comes; one that is aborted ends where it is. */
async function answered(
  model: OpenModel,
  messages: readonly ChatMessage[],
  options: GenerateOptions & { signal: AbortSignal },
  screen: Screen,
): Promise<string> {
  let text = ''
  try {
    for await (const piece of model.chat(messages, { ...options, stream: true })) {
      text += piece
      screen.write(piece)
    }
  } catch (error) {
    if (!(error instanceof KerfError) || error.code !== 'CANCELLED') throw error
  }
  screen.line()
  return text
}
