import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import type { Answer } from '../../../ts/backend/backend.js'
import type { HostFiles } from './host-files.js'
import { root } from './models.js'

/** A call, as bindings/wasm has it. */
export interface Call {
  step(): Answer | undefined
  cancel(): void
  free(): void
}

/** What bindings/wasm exports. */
export interface Wasm {
  Call: new (
    command: string,
    requestJson: string,
    files: HostFiles,
    onEvent: (eventJson: string) => void,
  ) => Call
  version(): string
  isa(): string
  commands(): string[]
  memoryBytes(): number
  failure(): string | undefined
  initSync(options: { module: WebAssembly.Module; memory?: WebAssembly.Memory }): unknown
  initThreadPool(threads: number): Promise<void>
}

/** What crosses the boundary at the end of a call. */
export interface Envelope {
  ok?: Record<string, unknown>
  error?: { code: string; message: string; details: Record<string, unknown> }
  arrays: Answer['arrays']
}

const folder = (name: string): string => join(root, 'dist', 'wasm', name)

/** Whether `npm run build:wasm` has made that build. */
export function hasWasm(name: 'single' | 'threads'): boolean {
  const there = existsSync(join(folder(name), 'kerf_wasm.js'))
  if (!there) console.warn(`skipped: dist/wasm/${name} is not there (npm run build:wasm)`)
  return there
}

/** The build without threads, in this thread. Each `copy` is an instance of its own. */
export async function loadSingle(copy = ''): Promise<Wasm> {
  const glue = pathToFileURL(join(folder('single'), 'kerf_wasm.js')).href
  const wasm = (await import(`${glue}?${copy}`)) as Wasm
  wasm.initSync({ module: compile('single') })
  return wasm
}

/**
 * The build with threads, in this thread and `threads` workers. The part of wasm-bindgen-rayon that starts workers is for browsers: a
 * bundle has ours in its place, as the worker of the package does.
 */
export async function loadThreads(threads: number, mostPages = 65536): Promise<Wasm> {
  const outfile = join(root, '.work', 'wasm-test', `threads-${mostPages}.mjs`)
  mkdirSync(join(root, '.work', 'wasm-test'), { recursive: true })
  const starter = join(root, 'test', 'ts', 'support', 'wasm-threads.mjs')
  await build({
    entryPoints: [join(folder('threads'), 'kerf_wasm.js')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    external: ['*/wasm-threads.mjs'],
    logLevel: 'error',
    plugins: [
      {
        name: 'starter',
        setup: ({ onResolve }) =>
          onResolve({ filter: /workerHelpers/ }, () => ({
            path: pathToFileURL(starter).href,
            external: true,
          })),
      },
    ],
  })
  const wasm = (await import(pathToFileURL(outfile).href)) as Wasm
  const memory = new WebAssembly.Memory({ initial: 512, maximum: mostPages, shared: true })
  wasm.initSync({ module: compile('threads'), memory })
  const glue = { glue: pathToFileURL(outfile).href }
  Object.assign(globalThis, { kerfTestGlue: glue })
  await wasm.initThreadPool(threads)
  return wasm
}

function compile(name: string): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(join(folder(name), 'kerf_wasm_bg.wasm')))
}

/** Runs one function to its end, step by step; `between` is called after each step that is not the last. */
export function invoke(
  wasm: Wasm,
  command: string,
  request: object,
  files: HostFiles,
  between: (call: Call) => void = () => undefined,
): Envelope {
  const call = new wasm.Call(command, JSON.stringify(request), files, () => undefined)
  for (;;) {
    const answer = call.step()
    if (answer !== undefined) {
      call.free()
      return { ...(JSON.parse(answer.json) as Envelope), arrays: answer.arrays }
    }
    between(call)
  }
}
