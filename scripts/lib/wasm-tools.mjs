// Programs that make a WebAssembly module: installed once into .work/wasm, each in the version that is pinned here or in Cargo.lock.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Missing, output, root, say, Stop } from './run.mjs'

const home = join(root, '.work', 'wasm')

/** wasm-bindgen's program in the version of its library, and wasm-opt. */
export function wasmTools() {
  const wasmBindgen = installed('wasm-bindgen', 'wasm-bindgen-cli', lockedVersion('wasm-bindgen'))
  rmSync(join(home, 'target'), { recursive: true, force: true })
  const wasmOpt = [process.execPath, join(root, 'node_modules', 'binaryen', 'bin', 'wasm-opt')]
  return { wasmBindgen, wasmOpt }
}

/** Path of a program of that version. Its version matters, how fast it runs does not: it is built without much optimisation. */
function installed(program, name, version) {
  const path = join(home, 'bin', program)
  if (existsSync(path) && output(path, ['--version'])?.trim() === `${program} ${version}`) return path
  say(`Installing ${name} ${version} into .work/wasm (once; takes minutes)`)
  const args = ['install', '-q', '--force', name, '--version', version, '--root', home]
  // With the versions it was released with; where one of them does not build any more, with the newest.
  const complaint = quietly('cargo', [...args, '--locked']) && quietly('cargo', args)
  if (complaint) throw new Missing(`cargo cannot install ${name} ${version}:\n${complaint}`)
  return path
}

/** Runs a program and gives what it printed if it failed: who tries twice shows only what stopped it in the end. */
function quietly(program, args) {
  const env = {
    ...process.env,
    CARGO_TARGET_DIR: join(home, 'target'),
    CARGO_PROFILE_RELEASE_OPT_LEVEL: '1',
    CARGO_PROFILE_RELEASE_LTO: 'off',
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
  }
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: root, encoding: 'utf8', env })
  return status === 0 ? '' : `${error?.message ?? ''}${stdout ?? ''}${stderr ?? ''}` || 'failed'
}

function lockedVersion(name) {
  const lock = readFileSync(join(root, 'Cargo.lock'), 'utf8')
  const version = new RegExp(`^name = "${name}"\nversion = "([^"]+)"`, 'm').exec(lock)?.[1]
  if (version === undefined) throw new Stop(`Cargo.lock has no ${name}.`)
  return version
}
