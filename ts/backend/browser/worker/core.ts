// The core, as bindings/wasm exports it from both of its builds.
import initSingle, * as single from 'kerf-core/single'
import initThreads, * as threaded from 'kerf-core/threads'
import type { Answer } from '../../backend.js'
import type { Assets } from '../protocol.js'
import type { HostFiles } from './call-files.js'
import { Failure } from './failure.js'

/** A function of the core that runs. */
export interface Call {
  /** Does one unit of work; gives the answer after the last. */
  step(): Answer | undefined
  /** The next step answers `CANCELLED`. */
  cancel(): void
  free(): void
}

/** What a build exports. */
export interface Core {
  Call: new (
    command: string,
    requestJson: string,
    files: HostFiles,
    onEvent: (eventJson: string) => void,
  ) => Call
  version(): string
  /** After a step that threw: `{"error": {code, message, details}}`, if the core knows why. */
  failure(): string | undefined
}

declare const KERF_VERSION: string

/** The build with threads where the page may share memory, else the other. `WORKER_FAILED` if it cannot be loaded. */
export async function loadCore(assets: Assets, threads: number): Promise<Core> {
  const wanted = threads === 0 ? navigator.hardwareConcurrency : threads
  const core = (await tryThreads(assets, wanted)) ?? (await loadSingle(assets))
  if (core.version() === KERF_VERSION) return core
  const message = `kerf is ${KERF_VERSION}, but its WebAssembly module is ${core.version()}; reload the page without its cache`
  throw new Failure({
    code: 'ADDON_VERSION',
    message,
    details: { expected: KERF_VERSION, actual: core.version() },
  })
}

async function loadSingle(assets: Assets): Promise<Core> {
  await initSingle({ module_or_path: await compile(assets.single) })
  return single
}

/** `undefined` where there can be no threads; a device that refuses the shared memory still has the other build. */
async function tryThreads(assets: Assets, threads: number): Promise<Core | undefined> {
  if (threads < 2 || !self.crossOriginIsolated) return undefined
  try {
    await initThreads({ module_or_path: await compile(assets.threads) })
    await threaded.initThreadPool(threads)
    return threaded
  } catch (error) {
    if (error instanceof Failure) throw error
    return undefined
  }
}

async function compile(url: string): Promise<WebAssembly.Module> {
  try {
    const response = await fetch(url)
    if (!response.ok) throw new Error(`the server answered ${response.status}`)
    const isWasm = response.headers.get('Content-Type') === 'application/wasm'
    return await (isWasm
      ? WebAssembly.compileStreaming(response)
      : WebAssembly.compile(await response.arrayBuffer()))
  } catch (error) {
    const reason = (error as Error).message
    const message = `the WebAssembly module ${url} cannot be loaded: ${reason}`
    throw new Failure({ code: 'WORKER_FAILED', message, details: { file: url, reason } })
  }
}
