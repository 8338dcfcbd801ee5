import { Option, type Command } from 'commander'
import { compress, type CompressResult } from '../../compress.js'
import { inspect } from '../../inspect.js'
import type { CompressOptions } from '../../options.js'
import { addConfigFlags, configured, type ConfigFlags } from '../configured.js'
import { addAfterFlags, addCommonFlags, addCompressFlags, forceFlag } from '../flags.js'
import { addHelpAll, examples, group } from '../help.js'
import type { AfterOptions } from '../../quality/options.js'
import { nextCommands, type Kind } from '../output/next.js'
import { showReport } from '../output/report.js'
import { runWork, type CommonFlags } from '../run.js'
import { withStdin } from '../stdin.js'

type Flags = CompressOptions & AfterOptions & CommonFlags & ConfigFlags

/** What is shown when it is done. */
interface Done {
  model: string
  options: CompressOptions & AfterOptions
  report: CompressResult
  kind: Kind
}

/** kerf compress [MODEL] --out DIR [options] */
export function addCompress(program: Command): void {
  const command = program.command('compress').description('write a smaller model and say what was lost')
  addConfigFlags(command)
  group(command, 'Where to:', [
    new Option('--out <folder>', 'folder of the result (default: NAME-kerf beside the model)'),
    forceFlag(),
    new Option('--work-dir <folder>', 'folder of the journal (default: hidden, beside the result)'),
  ])
  addCommonFlags(addAfterFlags(addCompressFlags(command)))
  addHelpAll(command)
  examples(command, [
    'kerf compress ./MiniLM --preset light',
    'kerf compress ./SmolLM2 --target-bytes 60MB --report report.html',
  ])
  command.action(async (given: string | undefined, flags: Flags) => {
    await runWork<Done>(command, flags, {
      work: async run => {
        const { model, options } = await configured(command, given, flags)
        const report = await withStdin(options, ['calibration', 'evalText', 'evalPairs'], whole =>
          compress(model, { ...whole, ...run }),
        )
        return { model, options, report, kind: await kindOf(report.out) }
      },
      show: ({ model, options, report, kind }, screen) => {
        showReport(model, report, screen)
        nextCommands(model, report.out, kind, options, screen)
      },
      showJson: ({ report }, screen) => screen.put(`${JSON.stringify(report)}\n`),
    })
  })
}

/** What the result is good for; nothing where its network is not known. */
async function kindOf(out: string): Promise<Kind> {
  const { kind } = await inspect(out).catch(() => ({ kind: undefined }))
  return kind === 'decoder' || kind === 'encoder' ? kind : undefined
}
