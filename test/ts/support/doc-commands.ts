// What the commands of the documentation become when a test runs them.
import { join } from 'node:path'
import { existsSync, readFileSync } from 'node:fs'
import { commandLine } from '../../../ts/cli/program.js'
import type { Line } from './doc-blocks.js'
import { root } from './models.js'

/** Words that stand for something of the reader's, and what a test puts there. */
const STANDS_FOR: Readonly<Record<string, string>> = {
  MODEL: './model',
  ORIGINAL: './model',
  SMALL: './model-small',
  CLASSIFIER: './my-classifier',
  OUT: './out',
  DIR: './out',
  FILE: './held-out.txt',
  'FILE.csv': './my-pairs.csv',
  TEXT: 'Once upon a time',
  NAME: 'query',
  N: '3',
}

/** Commands that no test of the documentation runs, and why. Each row has to be the reason of a command. */
export const NOT_RUN: readonly (readonly [command: RegExp, why: string])[] = [
  [/^npx kerf page$/, 'it serves until Ctrl-C: test/ts/page.test.ts'],
  [/^npx kerf serve /, 'it serves until Ctrl-C: test/ts/serve.test.ts'],
  [/^npx kerf chat /, 'it talks: test/ts/chat.test.ts'],
  [/^npm (?:start|test)(?: --.*)?$/, 'it builds the whole project: it is what CI runs'],
  [/^npm run build && npm run pack:local$/, 'it builds the addon; test/ts/install.test.ts packs'],
  [/^npm run build:wasm$/, 'it takes minutes: npm test -- --browser runs it'],
  [/^(?:KERF_LARGE=1 )?npm run test:browser/, 'it takes minutes: npm test -- --browser runs it'],
  [/^npm run bench/, 'it measures for minutes to hours: docs/benchmarks.md has what came out'],
  [/^(?:node|python) benches\//, 'it measures for minutes: docs/benchmarks.md has what came out'],
  [/cargo (?:run|bench) /, 'it measures: docs/benchmarks.md has what came out'],
  [
    /^npx kerf \w+ (?:OUT|\.\.\/shared\/models\/\S+) /,
    'it measures for minutes: docs/benchmarks.md has what came out',
  ],
  [/^npm (?:install|i)\b/, 'it installs: test/ts/install.test.ts and the tests of the examples'],
  [/^node shrink\.js /, 'test/ts/node-example.test.ts runs it'],
  [/^hf download /, "it fetches from the hub with a program of Python's"],
  [/^git clone /, 'it fetches from the hub'],
]

/** Whether a command needs the folder of shared models and texts, which a clone does not have. */
export const needsShared = (command: string): boolean => /\.\.\/shared\//.test(command)

/** The arguments of `npx kerf ...`, with something in the place of every word that stands for something; first alternatives. */
export function argumentsOf(command: string): string[] {
  return variantsOf(command)[0] ?? []
}

/** Arguments for each alternative that the command names (`a|b`). */
export function variantsOf(command: string): string[][] {
  const words = command.replace(/^npx kerf ?/, '').split(' ')
  const count = Math.max(...words.map(word => word.split('|').length))
  return Array.from({ length: count }, (_, index) =>
    words.map(word => {
      const all = word.split('|')
      const one = all[Math.min(index, all.length - 1)] ?? ''
      return STANDS_FOR[one] ?? one
    }),
  )
}

/** What the real command line says against the arguments; undefined if it takes them. */
export async function complaint(args: readonly string[]): Promise<string | undefined> {
  const program = commandLine(true)
  for (const command of program.commands) command.action(() => undefined)
  return program.parseAsync(args, { from: 'user' }).then(
    () => undefined,
    (error: Error) => error.message,
  )
}

/** Flags that are named beside a command and that it does not have. */
export function strangers({ command, beside }: Line): string[] {
  const name = command.split(' ')[2]
  const own = commandLine(true).commands.find(one => one.name() === name)
  const flags = beside.match(/--[a-z][a-z-]*/g) ?? []
  return flags.filter(flag => !own?.options.some(option => option.long === flag))
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}

/** Scripts and files that a command of another program names and that are not there. */
export function absent({ file, command }: Line): string[] {
  // The examples are projects of their own.
  const isExample = file.startsWith('examples/')
  const scripts = isExample ? [] : [...command.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name ?? '')
  const files = command
    .split(' ')
    .filter(word => /^(?:benches|test|scripts|examples|docs)\/[\w./-]+$/.test(word))
  return [
    ...scripts.filter(name => manifest.scripts[name] === undefined),
    ...files.filter(name => !existsSync(join(root, name))),
  ]
}
