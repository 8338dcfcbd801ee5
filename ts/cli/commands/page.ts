import type { Command } from 'commander'
import { once } from 'node:events'
import { check, integer } from '../../check.js'
import { exitCode, showFailure, toFailure } from '../fail.js'
import { addCommonFlags, number } from '../flags.js'
import { examples } from '../help.js'
import { openInterrupt } from '../interrupt.js'
import type { CommonFlags } from '../run.js'
import { openScreen } from '../screen.js'
import { pageFolder } from '../page-folder.js'
import { servePage } from '../serve-page.js'

interface Flags extends CommonFlags {
  port: number
  host: string
}

/** Always the same: what a browser keeps for the page belongs to its address. */
const PORT = 8479

/** kerf page */
export function addPage(program: Command): void {
  const command = program
    .command('page')
    .description('compress in a browser: serve the page on this machine until Ctrl-C')
    .addOption(number('--port <n>', '0 takes any that is free').default(PORT))
    .option(
      '--host <address>',
      'address to listen on; only localhost and HTTPS may share memory',
      '127.0.0.1',
    )
  examples(command, ['kerf page --port 0'])
  addCommonFlags(command).action((flags: Flags) => run(command, flags))
}

async function run(command: Command, { port, host, json }: Flags): Promise<void> {
  const interrupt = openInterrupt(() => undefined)
  try {
    check('port', port, integer(0, 65535))
    const served = await servePage({ folder: pageFolder(), host, port })
    const screen = openScreen()
    screen.line(json ? JSON.stringify({ url: served.url }) : `${served.url}  (Ctrl-C ends it)`)
    if (!interrupt.signal.aborted) await once(interrupt.signal, 'abort')
    await served.close()
  } catch (error) {
    const failure = toFailure(error, command)
    showFailure(failure, json === true, command)
    process.exitCode = exitCode(failure)
  } finally {
    interrupt.close()
  }
}
