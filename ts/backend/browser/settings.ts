import { badOption, checkOptions, integer, path, type Rules } from '../../check.js'
import type { Assets } from './protocol.js'

/** How kerf works in this page. */
export interface Settings {
  /**
   * Address of the folder that has `worker.js` and `wasm/`, as they lie in the package `@kerf/browser`. Bundlers that follow
   * `new URL(..., import.meta.url)` (Vite, webpack) find them by themselves; for others they are copied, by default beside the bundle.
   */
  assets?: string | URL
  /** Folder of the origin private file system that kerf keeps its files in. Default `kerf`. */
  folder?: string
  /**
   * Threads, where the page is cross-origin isolated; 1 takes the build without. Default 0: as many as the device has. An option
   * `threads` of a function cannot ask for more.
   */
  threads?: number
}

const rules: Rules = {
  assets: {
    expected: 'the address of a folder',
    test: value => typeof value === 'string' || value instanceof URL,
  },
  folder: path,
  threads: integer(0, 1024),
}

let settings: Settings = {}
let isTaken = false

/** Says how kerf works in this page; before its first call. */
export function configure(wanted: Settings): void {
  checkOptions(wanted, rules)
  if (isTaken) throw badOption('configure', 'to be called before the first function', 'a later call')
  settings = { ...settings, ...wanted }
}

/** What holds from now on. */
export function takeSettings(): Required<Omit<Settings, 'assets'>> & Pick<Settings, 'assets'> {
  isTaken = true
  return { folder: 'kerf', threads: 0, ...settings }
}

/** Addresses of the worker and of both builds of the core. */
export function addresses(assets: string | URL | undefined): Assets & { worker: string } {
  if (assets === undefined) return besideThis()
  const folder = new URL(assets, location.href).href.replace(/\/?$/, '/')
  const at = (file: string): string => new URL(file, folder).href
  return {
    worker: at('worker.js'),
    single: at('wasm/single/kerf_wasm_bg.wasm'),
    threads: at('wasm/threads/kerf_wasm_bg.wasm'),
  }
}

/** Written so that bundlers see files in it, which they copy. */
function besideThis(): Assets & { worker: string } {
  return {
    worker: new URL('./worker.js', import.meta.url).href,
    single: new URL('./wasm/single/kerf_wasm_bg.wasm', import.meta.url).href,
    threads: new URL('./wasm/threads/kerf_wasm_bg.wasm', import.meta.url).href,
  }
}
