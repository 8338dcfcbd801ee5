// The glue of the two builds of bindings/wasm, which the bundle has in the place of these names.
declare module 'kerf-core/single' {
  const core: import('./core.js').Core
  export const Call: typeof core.Call
  export const version: typeof core.version
  export const failure: typeof core.failure
  export default function init(options: { module_or_path: WebAssembly.Module }): Promise<unknown>
}
declare module 'kerf-core/threads' {
  export * from 'kerf-core/single'
  export default function init(options: { module_or_path: WebAssembly.Module }): Promise<unknown>
  export function initSync(options: { module: WebAssembly.Module; memory: WebAssembly.Memory }): unknown
  export function initThreadPool(threads: number): Promise<unknown>
  export function wbg_rayon_start_worker(receiver: number): void
}
