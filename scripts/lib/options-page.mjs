// docs/options.md: every option of `compress` and `plan` with its flag, from the tables of the API reference.

const SECTIONS = ['CompressOptions', 'AfterOptions']

/** Options that a flag cannot say, or says the other way round. */
const FLAGS = { rules: '(configuration file)', estimate: '`--no-estimate`' }

const HEAD = `# Options of a compression

Written by \`npm run docs:api\` from the doc comments of the options. Do not edit: change the comment and run that again.

The options of \`compress\` and \`plan\`, with their flags on the command line. Each has a default. All of them also stand in \`kerf.config.ts\`,
\`.js\` or \`.json\` ([guide](guide.md#a-configuration-file)); types are in the [reference](api/README.md#compressoptions).
`

/** The page, out of the text of the reference. */
export function optionsPage(reference) {
  const rows = SECTIONS.flatMap(section => rowsOf(reference, section))
  const lines = rows.map(({ name, text }) => `| \`${name}\` | ${flagOf(name)} | ${text} |`)
  return `${HEAD}\n| option | flag | what it does |\n|---|---|---|\n${lines.join('\n')}\n`
}

/** Name and description of each property in the table of a type. */
function rowsOf(reference, section) {
  const start = reference.indexOf(`### ${section}\n`)
  if (start < 0) throw new Error(`the reference has no section ${section}`)
  const [text] = reference.slice(start + 4).split(/^### /m)
  const rows = [...text.matchAll(/^\| (?:<a [^|]*<\/a> )?`(\w+)\??` \| (?:[^|\\]|\\.)* \| (.*) \|$/gm)]
  if (rows.length === 0) throw new Error(`section ${section} has no table of properties`)
  // Links of the reference are those of its own page.
  return rows.map(([, name, what]) => ({ name, text: what.replaceAll('](#', '](api/README.md#') }))
}

function flagOf(name) {
  const kebab = name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
  return FLAGS[name] ?? `\`--${kebab}\``
}
