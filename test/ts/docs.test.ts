// Whatever README and docs show as code: it compiles against the built types as in a project of a user, commands are understood by the
// real command line, and what can run does run, in order, in a folder that has the files which the text speaks of.
import { execFile } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import * as kerf from 'kerf'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { blocksOf, commandsOf, type Block, type Line } from './support/doc-blocks.js'
import {
  absent,
  argumentsOf,
  complaint,
  needsShared,
  NOT_RUN,
  strangers,
  variantsOf,
} from './support/doc-commands.js'
import { temporaryFolder } from './support/folders.js'
import { COMMIT } from './support/hub.js'
import { root, sample, stories } from './support/models.js'

// The build puts it into the sources of the command line.
Object.assign(globalThis, { KERF_VERSION: '0.0.0' })

const run = promisify(execFile)
const ENCODER_ID = 'sentence-transformers/all-MiniLM-L6-v2'
const tinyEncoder = join(root, 'test', 'golden', 'pipeline', 'bert')
const tasks = join(root, 'test', 'golden', 'tasks')
const shared = join(root, '..', 'shared')
const FILES = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'docs/api/README.md'],
  ...readdirSync(join(root, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
  ...readdirSync(join(root, 'examples')).map(name => `examples/${name}/README.md`),
]
const blocks = FILES.flatMap(blocksOf)
const lines = blocks.filter(({ kind }) => kind === 'shell').flatMap(commandsOf)
const isKerf = ({ command }: Line): boolean => command.startsWith('npx kerf')
const forPages = ({ text }: Block): boolean => text.includes("'kerf/browser'")
const codes = blocks.filter(({ kind }) => kind === 'ts')

const isRun = (line: Line): boolean =>
  isKerf(line) && !NOT_RUN.some(([command]) => command.test(line.command))

/** Every function that the package exports. */
const FUNCTIONS = Object.entries(kerf)
  .filter(([, value]) => typeof value === 'function' && !/^class /.test(String(value)))
  .map(([name]) => name)

/** Whether anything of a file is run. */
function hasRuns(file: string): boolean {
  return (
    codes.some(block => block.file === file && !forPages(block)) ||
    lines.some(line => line.file === file && isRun(line))
  )
}

/** Examples of doc comments leave out the import. */
function whole({ text }: Block): string {
  if (/^import /m.test(text)) return text
  const names = FUNCTIONS.filter(name => new RegExp(`\\b${name}\\(`).test(text))
  return `import { ${names.join(', ')} } from 'kerf'\n${text}`
}

describe('the reference', () => {
  const examples = codes.filter(({ file }) => file === 'docs/api/README.md').map(({ text }) => text)

  it.each(FUNCTIONS)('has an example of %s', name => {
    expect(examples.some(text => new RegExp(`\\b${name}\\(`).test(text))).toBe(true)
  })
})

describe('code of the documentation compiles', () => {
  it.each([
    ['Node', false, { lib: ['lib.es2023.d.ts'], types: ['node'] }],
    ['a page', true, { lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'], types: [] }],
  ])('in a strict project for %s', (_, page, options) => {
    const folder = project()
    const files = new Map(
      codes
        .filter(block => forPages(block) === page)
        .map((block, index) => [join(folder, `block${index}.ts`), block]),
    )
    for (const [file, block] of files) writeFileSync(file, `${whole(block)}\nexport {}\n`)
    const program = ts.createProgram([...files.keys()], {
      ...options,
      target: ts.ScriptTarget.ES2022,
      module: page ? ts.ModuleKind.ESNext : ts.ModuleKind.NodeNext,
      moduleResolution: page ? ts.ModuleResolutionKind.Bundler : ts.ModuleResolutionKind.NodeNext,
      ...(page && { customConditions: ['browser'] }),
      strict: true,
      noUncheckedIndexedAccess: true,
      noEmit: true,
    })
    const found = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
      const block = files.get(file?.fileName ?? '')
      return `${block?.file}:${block?.line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
    })
    expect(files.size).toBeGreaterThan(0)
    expect(found).toEqual([])
  })

  it.each(of('js'))('JavaScript at %s', async (_, { text }) => {
    await expect(transform(text, { loader: 'js' })).resolves.toBeDefined()
  })

  it.each(of('json'))('JSON at %s', (_, { text }) => {
    expect(typeof JSON.parse(text)).toBe('object')
  })

  it.each(of('rust'))('Rust at %s is that of the source', (_, { text }) => {
    const flat = (code: string): string => code.replace(/\s+/g, ' ')
    const sources = ['crates/model/src/arch/qwen3.rs', 'crates/kernels/src/table.rs']
    const holds = sources.filter(file => flat(readFileSync(join(root, file), 'utf8')).includes(flat(text)))
    expect(holds.length).toBe(1)
  })
})

describe('commands of the documentation are understood', () => {
  it.each(lines.filter(isKerf).map(line => [`${line.file}:${line.line} ${line.command}`, line] as const))(
    '%s',
    async (_, line) => {
      for (const args of variantsOf(line.command)) expect(await complaint(args)).toBeUndefined()
      expect(strangers(line)).toEqual([])
    },
  )

  it('flags of the table of options are those of compress', () => {
    const page = readFileSync(join(root, 'docs', 'options.md'), 'utf8')
    const flags = [...page.matchAll(/^\| `\w+` \| `(--[\w-]+)` \|/gm)].map(([, flag]) => flag)
    expect(flags.length).toBeGreaterThan(30)
    const line = { file: 'docs/options.md', line: 0, command: 'npx kerf compress M' }
    expect(strangers({ ...line, beside: flags.join(' ') })).toEqual([])
    expect(strangers({ ...line, beside: `${flags.join(' ')} --sizes` })).toEqual(['--sizes'])
  })

  it('other programs get files and scripts that are there', () => {
    expect(lines.filter(line => !isKerf(line)).flatMap(absent)).toEqual([])
  })

  it('the command line itself refuses what it does not know', async () => {
    expect(await complaint(['compress', 'm', '--sparsty', '0.7'])).toMatch(/unknown option/)
    expect(await complaint(['convert', 'm', '--out', 'x', '--format', 'zip'])).toMatch(
      /a value that it cannot have/,
    )
    expect(
      strangers({ file: '', line: 0, command: 'npx kerf eval M', beside: 'or --sentences FILE' }),
    ).toEqual(['--sentences'])
  })

  it('what is not run has one reason, and each reason a command', () => {
    const reasons = (line: Line): number => NOT_RUN.filter(([command]) => command.test(line.command)).length
    for (const line of lines.filter(line => !isKerf(line)))
      expect([line.command, reasons(line)]).toEqual([line.command, 1])
    for (const [command] of NOT_RUN)
      expect(
        lines.some(line => command.test(line.command)),
        String(command),
      ).toBe(true)
  })
})

describe('documentation runs', () => {
  // In the order of the text: what one block writes the next one reads.
  describe.each(FILES.filter(hasRuns))('%s', file => {
    const folder = place()
    for (const block of blocksOf(file)) {
      if (block.kind === 'shell') {
        for (const line of commandsOf(block)) {
          if (!isRun(line)) continue
          const absentHere = needsShared(line.command) && !existsSync(shared)
          const name = `${line.line}: ${line.command}${absentHere ? ' (needs the folder shared)' : ''}`
          it.skipIf(absentHere)(name, () => runCommand(folder, line))
        }
      }
      if (block.kind === 'ts' && !forPages(block)) it(`${block.line}: the code`, () => runCode(folder, block))
    }
  })
})

/** Makes a folder a project that has kerf installed. */
function project(folder = temporaryFolder()): string {
  mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true })
  symlinkSync(root, join(folder, 'node_modules', 'kerf'), 'junction')
  symlinkSync(
    join(root, 'node_modules', '@types', 'node'),
    join(folder, 'node_modules', '@types', 'node'),
    'junction',
  )
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  return folder
}

/**
 * A project beside the folder shared, with what the text takes for granted: small models in the place of large ones, under the names
 * that the text gives them, and texts.
 */
function place(): string {
  const chatty = join(temporaryFolder(), 'my-chat-model')
  cpSync(stories, chatty, { recursive: true })
  writeFileSync(join(chatty, 'chat_template.jinja'), '{{ messages[0].content }}')
  const parent = temporaryFolder()
  const folder = project(join(parent, 'clone'))
  const cache = join(folder, 'hub', `models--${ENCODER_ID.replace('/', '--')}`)
  mkdirSync(join(cache, 'snapshots'), { recursive: true })
  mkdirSync(join(cache, 'refs'))
  writeFileSync(join(cache, 'refs', 'main'), COMMIT)
  const links: (readonly [to: string, at: string])[] = [
    ...['model', 'model-small', 'my-llama', 'small-llama'].map(
      name => [stories, join(folder, name)] as const,
    ),
    [tinyEncoder, join(folder, 'all-MiniLM-L6-v2')],
    [join(tasks, 'bert-two'), join(folder, 'my-classifier')],
    [chatty, join(folder, 'my-chat-model')],
    [join(tasks, 'bert-span'), join(folder, 'my-reader')],
    [tinyEncoder, join(cache, 'snapshots', COMMIT)],
    [join(root, 'test'), join(folder, 'test')],
    [shared, join(parent, 'shared')],
  ]
  for (const [to, at] of links) symlinkSync(to, at, 'junction')
  copyFileSync(sample, join(folder, 'held-out.txt'))
  copyFileSync(join(tasks, 'single.tsv'), join(folder, 'reviews.tsv'))
  writeFileSync(join(folder, 'new-reviews.txt'), 'A fine film.\nIt was dull.\n')
  copyFileSync(join(tasks, 'squad.json'), join(folder, 'questions.json'))
  copyFileSync(join(tasks, 'better.jsonl'), join(folder, 'sentences.jsonl'))
  writeFileSync(join(folder, 'small.config.json'), '{ "preset": "small" }')
  writeFileSync(join(folder, 'my-sentences.txt'), readFileSync(sample, 'utf8').replace(/[.!?] /g, '.\n'))
  writeFileSync(
    join(folder, 'my-pairs.csv'),
    'A saw cuts.,It cuts wood.,4\nRain falls.,A piano plays.,1\nA dog.,The dog.,5\n',
  )
  return folder
}

const environment = (folder: string): NodeJS.ProcessEnv => ({
  ...process.env,
  HF_HUB_CACHE: join(folder, 'hub'),
  HF_HUB_OFFLINE: '1',
  NO_COLOR: '1',
})

async function runCommand(cwd: string, { command }: Line): Promise<void> {
  const args = argumentsOf(command)
  const out = args[args.indexOf('--out') + 1]
  if (args.includes('--out') && out !== undefined) rmSync(join(cwd, out), { recursive: true, force: true })
  const program = join(root, 'dist', 'cli.js')
  await run(process.execPath, [program, ...args], { cwd, env: environment(cwd), maxBuffer: 1 << 26 })
  if (args.includes('--out') && out !== undefined)
    // A model, or a router.
    expect(readdirSync(join(cwd, out)).join()).toMatch(/config\.json|schedule\.json/)
}

async function runCode(cwd: string, block: Block): Promise<void> {
  const source = whole(block)
  const [, out] = /out: '([^']+)'/.exec(source) ?? []
  if (out !== undefined) rmSync(join(cwd, out), { recursive: true, force: true })
  // A configuration is one to plan by, and no program.
  if (source.includes('defineConfig(')) {
    writeFileSync(join(cwd, 'kerf.config.ts'), source)
    await runCommand(cwd, { file: '', line: 0, command: 'npx kerf plan', beside: '' })
    rmSync(join(cwd, 'kerf.config.ts'))
    return
  }
  const { code } = await transform(source, { loader: 'ts', format: 'esm' })
  writeFileSync(join(cwd, 'block.mjs'), code)
  const { stderr } = await run(process.execPath, ['block.mjs'], { cwd, env: environment(cwd) })
  expect(stderr).toBe('')
}

/** Blocks of a kind, named by their place. */
function of(kind: Block['kind']): (readonly [name: string, block: Block])[] {
  return blocks
    .filter(block => block.kind === kind)
    .map(block => [`${block.file}:${block.line}`, block] as const)
}
