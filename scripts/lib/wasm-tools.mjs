// Programs that make a WebAssembly module: installed once into .work/wasm, each in the version that is pinned here or in Cargo.lock.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fetchWith, output, root, run, say, Stop } from './run.mjs'

const WASM_PACK = '0.15.1'
const home = join(root, '.work', 'wasm')

/** wasm-pack, wasm-bindgen's program in the version of its library, and wasm-opt. */
export function wasmTools() {
  const env = { ...process.env, PATH: `${join(home, 'bin')}${delimiter}${process.env.PATH}` }
  installed('wasm-bindgen', 'wasm-bindgen-cli', lockedVersion('wasm-bindgen'))
  const wasmPack = installed('wasm-pack', 'wasm-pack', WASM_PACK)
  rmSync(join(home, 'target'), { recursive: true, force: true })
  const wasmOpt = [process.execPath, join(root, 'node_modules', 'binaryen', 'bin', 'wasm-opt')]
  return { wasmPack, wasmOpt, env }
}

/** Path of a program of that version. Its version matters, how fast it runs does not: it is built without much optimisation. */
function installed(program, name, version) {
  const path = join(home, 'bin', program)
  if (existsSync(path) && output(path, ['--version'])?.trim() === `${program} ${version}`) return path
  say(`Installing ${name} ${version} into .work/wasm (once; takes minutes)`)
  const args = ['install', '-q', '--force', name, '--version', version, '--root', home]
  const env = {
    ...process.env,
    CARGO_TARGET_DIR: join(home, 'target'),
    CARGO_PROFILE_RELEASE_OPT_LEVEL: '1',
    CARGO_PROFILE_RELEASE_LTO: 'off',
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
  }
  try {
    run('cargo', [...args, '--locked'], { env })
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    console.log('That failed with the versions it was released with; trying with the newest ones.')
    fetchWith('cargo', args, { env })
  }
  return path
}

function lockedVersion(name) {
  const lock = readFileSync(join(root, 'Cargo.lock'), 'utf8')
  const version = new RegExp(`^name = "${name}"\nversion = "([^"]+)"`, 'm').exec(lock)?.[1]
  if (version === undefined) throw new Stop(`Cargo.lock has no ${name}.`)
  return version
}
