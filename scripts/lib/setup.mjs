// What must be there before anything is built: Node, npm packages, a Rust toolchain.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { homedir } from 'node:os'
import { output, root, run, say, Stop } from './run.mjs'

const OLDEST_NODE = 20

/** Throws Stop on a Node that is too old. */
export function ensureNode() {
  const major = Number(process.versions.node.split('.')[0])
  if (major < OLDEST_NODE) {
    throw new Stop(`Kerf needs Node ${OLDEST_NODE} or newer; this is ${process.version}.`)
  }
}

/** Finds cargo (also where rustup puts it when a shell has not been restarted). rustup fetches the pinned toolchain itself. */
export function ensureRust() {
  const binaries = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'bin')
  if (output('cargo', ['--version']) === undefined && existsSync(binaries)) {
    process.env.PATH = `${binaries}${delimiter}${process.env.PATH}`
  }
  const version = output('cargo', ['--version'])
  if (version !== undefined) return
  const wanted = /channel *= *"([^"]+)"/.exec(readFileSync(join(root, 'rust-toolchain.toml'), 'utf8'))?.[1]
  throw new Stop(
    `Kerf builds its core with Rust ${wanted}, and "cargo --version" does not run here.\n` +
      'Install Rust with rustup (see the "Install" page of rust-lang.org), open a new terminal, and run this again.',
  )
}

/** Installs the npm packages of package-lock.json unless they are there already. */
export function ensurePackages() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  const marker = join(root, 'node_modules', '.kerf-lock')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === lock) return
  say('Installing npm packages')
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
  writeFileSync(marker, lock)
}

/** All of the above. */
export function setUp() {
  ensureNode()
  ensureRust()
  ensurePackages()
}
