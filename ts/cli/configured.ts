import { relative } from 'node:path'
import { Option, type Command } from 'commander'
import { loadConfig } from '../load-config.js'
import type { CompressOptions } from '../options.js'
import type { AfterOptions } from '../quality/options.js'
import { ownFlags } from './flags.js'
import { group } from './help.js'
import type { CommonFlags } from './run.js'
import { rememberOrigin } from './words.js'

/** Flags of the commands that a configuration file speaks for. */
export interface ConfigFlags {
  /** A file, or false with `--no-config`. */
  config?: string | false
}

/** `[model]` and `--config`. */
export function addConfigFlags(command: Command): Command {
  command.argument('[model]', 'folder or file of a model (default: what the configuration names)')
  group(command, 'Where from:', [
    new Option('--config <file>', 'configuration (default: kerf.config.ts, .js or .json of this folder)'),
    new Option('--no-config', 'use no configuration'),
  ])
  return command
}

/** Model and options: what the command line says wins over the configuration. */
export async function configured(
  command: Command,
  model: string | undefined,
  flags: CompressOptions & AfterOptions & CommonFlags & ConfigFlags,
): Promise<{ model: string; options: CompressOptions & AfterOptions }> {
  const { config, ...own } = ownFlags(flags)
  // Commander gives true where neither flag of a pair was given.
  if (own.estimate === true) delete own.estimate
  const loaded =
    config === false ? undefined : await loadConfig(typeof config === 'string' ? config : undefined)
  const chosen = model ?? loaded?.model
  if (chosen === undefined) {
    const reason = loaded ? `${loaded.file} names no model` : 'this folder has no kerf.config file'
    const message = `error: missing required argument 'model': name a folder or file (${reason})`
    command.error(message, { code: 'commander.missingArgument' })
  }
  if (loaded) {
    const given = new Set(Object.keys(own))
    const fromFile = Object.keys(loaded.options).filter(option => !given.has(option))
    const near = relative('.', loaded.file)
    rememberOrigin(command, near.startsWith('..') ? loaded.file : near, fromFile)
  }
  return { model: chosen, options: { ...loaded?.options, ...own } }
}
