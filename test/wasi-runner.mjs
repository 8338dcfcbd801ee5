// Runs a wasm32-wasip1 program, such as a Rust test binary, with its arguments. Used as cargo's runner:
//   CARGO_TARGET_WASM32_WASIP1_RUNNER="node --no-warnings test/wasi-runner.mjs"
import { readFile } from 'node:fs/promises'
import { WASI } from 'node:wasi'

const [file, ...args] = process.argv.slice(2)
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(KERF|RUST)_/.test(name)))
const wasi = new WASI({ version: 'preview1', args: [file, ...args], env, preopens: { '.': process.cwd() } })
const module = await WebAssembly.compile(await readFile(file))
process.exitCode = wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()))
