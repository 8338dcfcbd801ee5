// npm run docs:api: docs/api/README.md and docs/options.md from the types and doc comments of ts/. With `--check` it writes nothing and
// fails if one of them is not up to date.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { optionsPage } from './lib/options-page.mjs'
import { main, root, Stop } from './lib/run.mjs'
import { tidyReference } from './lib/tidy-reference.mjs'

const work = join(root, '.work', 'api')

const INTRODUCTION = `# API reference

Written by \`npm run docs:api\` from the types and doc comments in \`ts/\`. Do not edit: change the comment and run that again.

Every function is exported from \`kerf\`, for ESM and CommonJS, and returns a promise (but \`version\` and \`isa\`). Sizes are in bytes, times in
seconds. What goes wrong is a [\`KerfError\`](#kerferror); its codes are listed under [\`ErrorCode\`](#errorcode) and
[\`HostErrorCode\`](#hosterrorcode).
`

/** What typedoc writes: one page, in the order of people's questions, without what changes from commit to commit. */
const OPTIONS = {
  entryPoints: ['ts/index.ts'],
  tsconfig: 'tsconfig.json',
  plugin: ['typedoc-plugin-markdown'],
  readme: 'none',
  out: work,
  logLevel: 'Warn',
  treatWarningsAsErrors: true,
  disableSources: true,
  disableGit: true,
  hideGenerator: true,
  excludeExternals: true,
  excludeInternal: true,
  excludePrivate: true,
  sort: ['source-order'],
  groupOrder: ['Functions', 'Interfaces', 'Type Aliases', 'Classes', 'Constructors', 'Properties', 'Methods'],
  router: 'module',
  entryFileName: 'README',
  hidePageHeader: true,
  hidePageTitle: true,
  hideBreadcrumbs: true,
  expandParameters: false,
  useCodeBlocks: false,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  classPropertiesFormat: 'table',
  typeAliasPropertiesFormat: 'table',
  propertyMembersFormat: 'table',
  typeDeclarationFormat: 'table',
  tableColumnSettings: {
    hideDefaults: true,
    hideInherited: true,
    hideModifiers: true,
    hideOverrides: true,
    hideSources: true,
    hideValues: true,
  },
}

async function reference() {
  const { Application } = await import('typedoc')
  const { preparePublicTypes } = await import('./lib/reference-model.mjs')
  rmSync(work, { recursive: true, force: true })
  const app = await Application.bootstrapWithPlugins(OPTIONS)
  preparePublicTypes(app)
  const project = await app.convert()
  if (!project) throw new Stop('typedoc cannot read ts/index.ts')
  await app.generateOutputs(project)
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Stop('typedoc has complaints, see above')
  return `${INTRODUCTION}\n${tidyReference(readFileSync(join(work, 'README.md'), 'utf8'))}`
}

await main(async () => {
  const text = await reference()
  const pages = { 'docs/api/README.md': text, 'docs/options.md': optionsPage(text) }
  for (const [name, page] of Object.entries(pages)) {
    const file = join(root, name)
    // A checkout with other line ends is not a difference.
    const written = existsSync(file) ? readFileSync(file, 'utf8').replaceAll('\r\n', '\n') : ''
    if (process.argv.includes('--check')) {
      if (written !== page) throw new Stop(`${name} is not up to date: run "npm run docs:api"`)
      continue
    }
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, page)
  }
})
