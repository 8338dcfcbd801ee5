// In the place of the core where a test needs one that misbehaves: what it does is decided by the name of the model.
import type { Answer } from '../../../ts/backend/backend.js'
import { failed } from '../../../ts/backend/browser/protocol.js'
import type { HostFiles } from '../../../ts/backend/browser/worker/call-files.js'

let reason: object | undefined

export default async function init(): Promise<void> {}
export const initSync = init
export const initThreadPool = init
export const wbg_rayon_start_worker = (): void => undefined
export const version = (): string => KERF_VERSION
export const failure = (): string | undefined => reason && JSON.stringify({ error: reason })

declare const KERF_VERSION: string

const BEHAVIOURS: Record<string, (files: HostFiles, request: { model: string }, step: number) => unknown> = {
  trap() {
    reason = { code: 'INTERNAL', message: 'index out of range at solve.rs:1', details: {} }
    throw new WebAssembly.RuntimeError('unreachable')
  },
  hungry() {
    reason = { code: 'OUT_OF_MEMORY', message: 'set maxMemory', details: { asked_bytes: 1 << 20 } }
    throw new WebAssembly.RuntimeError('unreachable')
  },
  /** A step that takes much longer than anybody waits for a cancel. */
  endless(files) {
    files.create('journal')
    files.write('journal', 0, new TextEncoder().encode('first unit'))
    const until = performance.now() + 60_000
    while (performance.now() < until);
    return 'too late'
  },
  /** Many short steps. */
  patient: (_files, _request, step) => (step < 1000 ? undefined : { steps: step }),
  /** Fills the storage. */
  full(files, _request, step) {
    const bytes = new Uint8Array(4 << 20)
    if (step === 0) files.create('big')
    files.write('big', step * bytes.length, bytes)
    return step < 4096 ? undefined : 'written'
  },
}

/** A result of two files. */
function written(files: HostFiles, out: string): unknown {
  for (const [path, text] of [
    ['model.kerf', 'weights'],
    ['1_Pooling/config.json', '{}'],
  ] as const) {
    files.create(`${out}/${path}`)
    files.write(`${out}/${path}`, 0, new TextEncoder().encode(text))
    files.flush(`${out}/${path}`)
  }
  return { out }
}

/** A vector of two numbers a text. */
function vectors({ texts }: { texts: string[] }): Answer {
  const ok = { dimensions: 2, truncated: 0, notes: [] }
  return {
    json: JSON.stringify({ ok }),
    arrays: { vectors: Float32Array.from(texts.flatMap((_, i) => [i + 1, (i + 1) ** 2])) },
  }
}

/** Reads whatever the model has. */
function contents(files: HostFiles, { model }: { model: string }): unknown {
  return files.list(model).map(path => {
    const bytes = new Uint8Array(files.size(`${model}/${path}`))
    let at = 0
    while (at < bytes.length) at += files.read(`${model}/${path}`, at, bytes.subarray(at, at + 100_000))
    return [path, bytes.length, bytes.reduce((sum, byte) => (sum + byte) % 65521, 0)]
  })
}

export class Call {
  private steps = 0
  private isCancelled = false

  constructor(
    private readonly command: string,
    private readonly requestJson: string,
    private readonly files: HostFiles,
    private readonly onEvent: (eventJson: string) => void,
  ) {}

  step(): Answer | undefined {
    if (this.isCancelled) return failed({ code: 'CANCELLED', message: 'between steps', details: {} })
    const request = JSON.parse(this.requestJson) as { model: string; out?: string }
    this.onEvent(
      JSON.stringify({ stage: 'plan', done: this.steps, total: 1000, unit: 'units', name: this.command }),
    )
    if (this.command === 'embed') return vectors(JSON.parse(this.requestJson) as { texts: string[] })
    const behaviour = BEHAVIOURS[request.model] ?? contents
    try {
      const ok =
        request.out !== undefined
          ? written(this.files, request.out)
          : behaviour(this.files, request, this.steps)
      this.steps += 1
      return ok === undefined ? undefined : { json: JSON.stringify({ ok }), arrays: {} }
    } catch (error) {
      const { name, message } = error as Error
      if (error instanceof WebAssembly.RuntimeError) throw error
      return failed({ code: name === 'QuotaExceededError' ? 'DISK_FULL' : 'IO', message, details: {} })
    }
  }

  cancel(): void {
    this.isCancelled = true
  }

  free(): void {}
}
