import type { Command } from 'commander'
import { once } from 'node:events'
import { basename, resolve } from 'node:path'
import { check, integer } from '../../check.js'
import { embedded } from '../../embed.js'
import type { ModelOptions } from '../../model.js'
import { open } from '../../open.js'
import { size } from '../../size.js'
import { exitCode, showFailure, toFailure } from '../fail.js'
import { addCommonFlags, architectureFlag, memoryFlag, number, threadsFlag } from '../flags.js'
import { examples } from '../help.js'
import { refused } from '../listening.js'
import { openInterrupt } from '../interrupt.js'
import type { CommonFlags } from '../run.js'
import { openScreen } from '../screen.js'

interface Flags extends ModelOptions, CommonFlags {
  port: number
  host: string
  name?: string
  queue: number
  maxTokens: number
  maxBody: number
  maxTexts: number
  threads?: number
  maxMemory?: string
}

/** kerf serve MODEL */
export function addServe(program: Command): void {
  const command = program
    .command('serve')
    .description("answer over HTTP as OpenAI's API does, until Ctrl-C")
    .argument('<model>', 'folder or file of a model')
    .addOption(number('--port <n>', '0 takes any that is free').default(8480))
    .option('--host <address>', 'address to listen on; nothing asks for a password', '127.0.0.1')
    .option('--name <name>', 'what clients call the model (default: the name of the folder)')
    .addOption(number('--queue <n>', 'requests that may wait; one more is refused (429)').default(32))
    .addOption(number('--max-tokens <n>', 'most tokens of an answer').default(4096))
    .addOption(number('--max-texts <n>', 'most texts of a request for embeddings').default(2048))
    .addOption(number('--max-body <bytes>', 'most bytes of a request').default(8_000_000))
    .addOption(threadsFlag())
    .addOption(memoryFlag())
    .addOption(architectureFlag())
  examples(command, [
    'kerf serve ./small --port 8480',
    'curl localhost:8480/v1/embeddings -H "content-type: application/json" -d \'{"model":"small","input":"a text"}\'',
  ])
  addCommonFlags(command).action((model: string, flags: Flags) => run(command, model, flags))
}

async function run(command: Command, path: string, flags: Flags): Promise<void> {
  const interrupt = openInterrupt(() => process.stderr.write('ending the answers that are on their way\n'))
  try {
    const { port, host, json, architecture, threads, maxMemory } = flags
    const { queue, maxTokens, maxBody, maxTexts } = flags
    check('port', port, integer(0, 65535))
    for (const [name, value] of Object.entries({ queue, maxTokens, maxBody, maxTexts })) {
      check(name, value, integer(name === 'queue' ? 0 : 1))
    }
    if (maxMemory !== undefined) check('maxMemory', maxMemory, size)
    await using model = await open(path, { ...(architecture !== undefined && { architecture }) })
    const { listen } = await import('../serve/server.js')
    const limited = {
      ...(threads !== undefined && { threads }),
      ...(maxMemory !== undefined && { maxMemory }),
    }
    const limits = { queue, maxTokens, maxBody, maxTexts, run: limited }
    const name = flags.name ?? basename(resolve(path))
    const listening = listen({ model, name, host, port, limits, embedded })
    const serving = await listening.catch((error: NodeJS.ErrnoException) => {
      throw refused(error, host, port)
    })
    const screen = openScreen()
    screen.line(
      json
        ? JSON.stringify({ url: serving.url, model: name })
        : `${serving.url}/v1 has the model ${name}  (Ctrl-C ends it)`,
    )
    if (!interrupt.signal.aborted) await once(interrupt.signal, 'abort')
    await serving.close()
  } catch (error) {
    const failure = toFailure(error, command)
    showFailure(failure, flags.json === true, command)
    process.exitCode = exitCode(failure)
  } finally {
    interrupt.close()
  }
}
