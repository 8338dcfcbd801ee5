// Parts of the help of a command.
import type { Command, Option } from 'commander'

/** Adds examples below the help. */
export function examples(command: Command, lines: readonly string[]): void {
  const title = lines.length === 1 ? 'Example:' : 'Examples:'
  command.addHelpText('after', `\n${title}\n${lines.map(line => `  $ ${line}`).join('\n')}`)
}

/** Adds options under a heading. */
export function group(command: Command, heading: string, options: readonly Option[]): void {
  for (const option of options) command.addOption(option.helpGroup(heading))
}

/** Options that only the help of `--help-all` shows. */
export function rare(options: readonly Option[]): readonly Option[] {
  for (const option of options) RARE.add(option.hideHelp())
  return options
}

const RARE = new WeakSet<Option>()

/** Adds `--help-all`, which shows what {@link rare} hides. Call it when the command has all its options. */
export function addHelpAll(command: Command): void {
  const hidden = command.options.filter(option => RARE.has(option))
  command.option('--help-all', `show all options: ${hidden.length} more, for whoever tunes the method`)
  command.on('option:help-all', () => {
    for (const option of hidden) option.hideHelp(false)
    command.options.find(({ long }) => long === '--help-all')?.hideHelp()
    command.help()
  })
}
