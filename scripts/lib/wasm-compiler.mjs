// Which compiler builds a WebAssembly module, and with which flags. Threads need a standard library with atomics, which is built from
// its sources: an unstable option, so a nightly toolchain, or the pinned one told to allow it.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fetchWith, Missing, output, root, say } from './run.mjs'

/** What the compiler calls the machine of a page. */
export const TARGET = 'wasm32-unknown-unknown'
const BUILD_STD = ['-Z', 'build-std=std,panic_abort']
/** All that 32-bit addresses reach: shared memory has to say how far it may grow. */
const MOST_MEMORY_BYTES = 2 ** 32
const THREADS = [
  '-C target-feature=+atomics,+bulk-memory,+mutable-globals',
  '-C link-arg=--shared-memory',
  '-C link-arg=--import-memory',
  `-C link-arg=--max-memory=${MOST_MEMORY_BYTES}`,
  ...['__wasm_init_tls', '__tls_size', '__tls_align', '__tls_base'].map(
    name => `-C link-arg=--export=${name}`,
  ),
]

/** Name, cargo flags and environment of the compiler for `single` or `threads`. */
export function wasmCompiler(build) {
  const extra = build === 'threads' ? THREADS : []
  const compiler = ofRustup(build) ?? ofDebian()
  if (compiler === undefined) {
    throw new Missing(
      `This toolchain cannot build for ${TARGET}: rustup does not fetch the target, and there are no Debian packages.`,
    )
  }
  // Cargo takes the flags of .cargo/config.toml from here if the variable is set, so they are repeated.
  const env = { CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS: [...commonFlags(), ...extra].join(' ') }
  return { ...compiler, env: { ...env, ...compiler.env } }
}

function commonFlags() {
  const config = readFileSync(join(root, '.cargo', 'config.toml'), 'utf8')
  const list = /^rustflags = (\[.*\])$/m.exec(config)?.[1]
  return list === undefined ? [] : JSON.parse(list)
}

function ofRustup(build) {
  if (output('rustup', ['--version']) === undefined) return undefined
  if (build === 'single') {
    return hasTarget() ? { name: 'the pinned toolchain', flags: [], env: {} } : undefined
  }
  if (hasSources('nightly')) {
    return { name: 'nightly', flags: BUILD_STD, env: { RUSTUP_TOOLCHAIN: 'nightly' } }
  }
  if (hasSources()) {
    const env = { RUSTC_BOOTSTRAP: '1' }
    return { name: 'the pinned toolchain, with unstable options', flags: BUILD_STD, env }
  }
  return undefined
}

function hasTarget() {
  const folder = () => output('rustc', ['--print', 'target-libdir', '--target', TARGET])?.trim()
  const there = () => folder() !== undefined && existsSync(folder())
  return there() || (output('rustup', ['target', 'add', TARGET]) !== undefined && there())
}

/** Whether a toolchain is there, or can be fetched, with the sources of its standard library. */
function hasSources(toolchain) {
  const of = toolchain === undefined ? [] : [`+${toolchain}`]
  const sysroot = () => output('rustc', [...of, '--print', 'sysroot'])?.trim()
  const there = () =>
    existsSync(join(sysroot() ?? '-', 'lib', 'rustlib', 'src', 'rust', 'library', 'Cargo.lock'))
  if (sysroot() === undefined) {
    output('rustup', ['toolchain', 'install', toolchain, '--profile', 'minimal', '--component', 'rust-src'])
  }
  if (there()) return true
  const named = toolchain === undefined ? [] : ['--toolchain', toolchain]
  return output('rustup', ['component', 'add', 'rust-src', ...named]) !== undefined && there()
}

/** The compiler of Debian's packages, which come with the sources of the library for both builds. */
function ofDebian() {
  const rustc = '/usr/bin/rustc'
  if (!existsSync('/usr/bin/dpkg')) return undefined
  const packages = ['rustc-web', 'cargo-web', 'rust-web-src']
  const installed = () => output('dpkg', ['-s', ...packages]) !== undefined
  if (!installed()) {
    say(`Installing ${packages.join(', ')}: rustup does not fetch what this build needs`)
    fetchWith('apt-get', ['update', '-qq'])
    fetchWith('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages])
  }
  const llvm = /^LLVM version: (\d+)/m.exec(output(rustc, ['-vV']) ?? '')?.[1]
  const linker = `wasm-ld-${llvm}`
  if (output(linker, ['--version']) === undefined) {
    fetchWith('apt-get', ['install', '-y', '-qq', '--no-install-recommends', `lld-${llvm}`])
  }
  const env = {
    RUSTC: rustc,
    CARGO: '/usr/bin/cargo',
    RUSTC_BOOTSTRAP: '1',
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: linker,
  }
  return { name: 'the toolchain of Debian', flags: BUILD_STD, env }
}
