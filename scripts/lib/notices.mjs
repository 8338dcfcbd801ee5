// Notices for the crates inside an addon or a WebAssembly module: their licences ask to go with it. Texts are those of the sources that
// cargo has fetched; cargo itself says which crates are inside.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root, Stop } from './run.mjs'

/** Name of the file in a package. */
export const NOTICES = 'THIRD-PARTY-NOTICES.txt'

/** Licences under which a crate may be part of what is published. */
export const ALLOWED = [
  ...[
    'MIT',
    'MIT-0',
    'Apache-2.0',
    'Apache-2.0 WITH LLVM-exception',
    'BSD-2-Clause',
    'BSD-3-Clause',
    'BSL-1.0',
  ],
  ...['CC0-1.0', 'ISC', 'Unicode-3.0', 'Unlicense', 'Zlib'],
]

/** What is published with crates inside, and how cargo is asked for them. */
export const PARTS = {
  addon: ['-p', 'kerf-node', '--target', 'all'],
  module: ['-p', 'kerf-wasm', '--target', 'wasm32-unknown-unknown', '--features', 'threads'],
}

/** Crates of others inside a part: `{ name, version, licence, folder, authors }`, by name. */
export function cratesIn(part) {
  const tree = cargo([
    'tree',
    ...PARTS[part],
    '-e',
    'normal,no-proc-macro',
    '--prefix',
    'none',
    '--format',
    '{p}',
    '--no-dedupe',
  ])
  const inside = new Set(tree.split('\n').map(line => /^(\S+) v(\S+)/.exec(line)?.slice(1).join(' ')))
  const { packages } = JSON.parse(cargo(['metadata', '--format-version', '1']))
  return packages
    .filter(({ name, version, source }) => source !== null && inside.has(`${name} ${version}`))
    .map(({ name, version, license, authors, manifest_path: path }) => {
      return { name, version, licence: license ?? '', authors, folder: dirname(path) }
    })
    .sort((a, b) => (a.name === b.name ? a.version.localeCompare(b.version) : a.name < b.name ? -1 : 1))
}

function cargo(args) {
  const { status, stdout, stderr } = spawnSync('cargo', [...args, '--locked'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (status !== 0) throw new Stop(`cargo ${args[0]} failed: ${stderr}`)
  return stdout
}

/**
 * The licences to take of an SPDX expression (`A OR (B AND C)`, also with the old `/`): the first alternative whose parts are all
 * allowed; undefined if there is none.
 */
export function choose(expression) {
  const words =
    expression
      .replaceAll('/', ' OR ')
      .replace(/ WITH /g, '\0')
      .match(/[()]|[^\s()]+/g) ?? []
  let at = 0
  const either = () => {
    const options = [both()]
    while (words[at] === 'OR') ((at += 1), options.push(both()))
    return options.find(option => option !== undefined)
  }
  const both = () => {
    const parts = [one()]
    while (words[at] === 'AND') ((at += 1), parts.push(one()))
    return parts.includes(undefined) ? undefined : parts.flat()
  }
  const one = () => {
    const word = words[at++]
    if (word === '(') {
      const inner = either()
      at += 1
      return inner
    }
    const id = word?.replace('\0', ' WITH ')
    return ALLOWED.includes(id) ? [id] : undefined
  }
  return either()
}

/** Names of files that hold the text of a licence, by its id. */
const FILES = {
  MIT: /^LICEN[CS]E[-_.]MIT|MIT$/i,
  'Apache-2.0': /^LICEN[CS]E[-_.]APACHE/i,
  'Unicode-3.0': /^LICEN[CS]E[-_.]UNICODE/i,
}

/** Texts that go with a crate: of the licences that were chosen, else every one that it has, and its notice. */
function textsOf({ name, version, licence, authors, folder }) {
  const chosen = choose(licence)
  if (chosen === undefined)
    throw new Stop(
      `${name} ${version} has the licence "${licence}", which is not in the list of scripts/lib/notices.mjs`,
    )
  const all = [folder, ...inside(folder)].flatMap(place => licenceFiles(place))
  const fitting = all.filter(file => chosen.some(id => FILES[id]?.test(file.name)))
  const files = [...(fitting.length > 0 ? fitting : all.filter(({ name }) => !/^NOTICE/i.test(name)))]
  files.push(...all.filter(file => /^NOTICE/i.test(file.name)))
  if (files.length > 0) return files.map(({ path }) => readFileSync(path, 'utf8').trim())
  // Some crates publish no text beside the name of the licence.
  const holders = authors.length > 0 ? authors.join(', ') : `the authors of ${name}`
  return [`Copyright (c) ${holders}\n\n${standardText(chosen[0], name)}`]
}

/** C sources that a crate brings have a licence of their own. */
function inside(folder) {
  return ['c_src/mimalloc', 'c_src/mimalloc2', 'c_src/mimalloc3']
    .map(name => join(folder, name))
    .filter(existsSync)
}

function licenceFiles(folder) {
  return readdirSync(folder)
    .filter(name => /^(?:LICEN[CS]E|COPYING|COPYRIGHT|UNLICENSE|NOTICE)/i.test(name))
    .map(name => ({ name, path: join(folder, name) }))
    .filter(({ path }) => statSync(path).isFile())
}

function standardText(id, name) {
  if (id === 'MIT') return readFileSync(join(root, 'scripts', 'lib', 'licences', 'MIT.txt'), 'utf8').trim()
  if (id.startsWith('Apache-2.0')) return readFileSync(join(root, 'LICENSE'), 'utf8').trim()
  throw new Stop(`${name} has no text of its licence ${id}; add one to scripts/lib/licences`)
}

/** The file that goes with a part: which crates are inside, and each text once, with the crates that it is for. */
export function notices(part) {
  const crates = cratesIn(part)
  const byText = new Map()
  for (const crate of crates) {
    for (const text of textsOf(crate)) {
      const key = text.replace(/\s+/g, ' ')
      const entry = byText.get(key) ?? { text, names: [] }
      entry.names.push(`${crate.name} ${crate.version}`)
      byText.set(key, entry)
    }
  }
  const list = crates.map(({ name, version, licence }) => `${name} ${version}  ${licence}`)
  const texts = [...byText.values()].map(({ text, names }) => `${names.join(', ')}\n\n${text}`)
  const head = `kerf is under Apache-2.0, see LICENSE. Inside are these crates, and the standard library of Rust (MIT OR Apache-2.0):\n\n${list.join('\n')}`
  return `${[head, ...texts].join(`\n\n${'-'.repeat(80)}\n\n`)}\n`
}
