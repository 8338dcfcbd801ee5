// The worker as a page sees it: started when it is needed, ended when a call must stop in the middle of a step, and started again.
import type { ErrorData } from '../../errors.js'
import { KerfError } from '../../errors.js'
import type { ProgressEvent } from '../../generated/index.js'
import type { ByteSource } from '../../source.js'
import type { Answer, Running } from '../backend.js'
import { failed, type FileQuery, type FromWorker, type ToWorker } from './protocol.js'
import { addresses, takeSettings } from './settings.js'
import { mount } from './sources.js'

/** How long a cancelled call may take to end its step before its worker is ended. */
const GRACE_MS = 1000

interface Pending {
  resolve: (answer: Answer) => void
  onEvent: (event: ProgressEvent) => void
  custom: ReadonlyMap<number, ByteSource>
  /** Memory that the worker sees in the middle of a step. */
  stop?: Int32Array
  timer?: ReturnType<typeof setTimeout>
}

interface Asked {
  resolve: (found: unknown) => void
  reject: (error: KerfError) => void
}

/** The one worker of this page. */
export class Link {
  private worker: Worker | undefined
  private readonly calls = new Map<number, Pending>()
  private readonly queries = new Map<number, Asked>()
  private readonly session = crypto.randomUUID()
  private lastId = 0

  /** Starts a function of the core. */
  start(command: string, request: object, onEvent: (event: ProgressEvent) => void): Running {
    const { requestJson, mounts, custom } = mount(request)
    const id = this.nextId()
    const answer = new Promise<Answer>(resolve => {
      const stop = crossOriginIsolated ? { stop: new Int32Array(new SharedArrayBuffer(4)) } : {}
      this.calls.set(id, { resolve, onEvent, custom, ...stop })
      this.post({ kind: 'start', id, command, requestJson, mounts, ...stop })
    })
    return { answer, cancel: () => this.cancel(id) }
  }

  /** Asks something of the files that kerf keeps. */
  query<R>(query: FileQuery): Promise<R> {
    const id = this.nextId()
    return new Promise<unknown>((resolve, reject) => {
      this.queries.set(id, { resolve, reject })
      this.post({ kind: 'files', id, query })
    }) as Promise<R>
  }

  private nextId(): number {
    this.lastId += 1
    return this.lastId
  }

  private post(message: ToWorker, transfer: Transferable[] = []): void {
    this.worker ??= this.launch()
    this.worker?.postMessage(message, transfer)
  }

  private launch(): Worker | undefined {
    const { assets, folder, threads } = takeSettings()
    const { worker: address, ...builds } = addresses(assets)
    try {
      const worker = new Worker(sameOrigin(address), { type: 'module', name: 'kerf' })
      let isUp = false
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
        isUp = true
        this.take(data)
      }
      worker.onerror = ({ message }) =>
        this.fail(
          isUp ? internal(message) : notLoaded(address, message || 'it is not there, or is no script'),
        )
      worker.postMessage({
        kind: 'setup',
        setup: { assets: builds, folder, threads, session: this.session },
      } satisfies ToWorker)
      return worker
    } catch (error) {
      // Whoever is waiting hears of it after the call that started all this has returned.
      queueMicrotask(() => this.fail(notLoaded(address, (error as Error).message)))
      return undefined
    }
  }

  private take(message: FromWorker): void {
    switch (message.kind) {
      case 'event':
        return this.calls.get(message.id)?.onEvent(JSON.parse(message.eventJson) as ProgressEvent)
      case 'answer':
        return this.answer(message.id, message.answer)
      case 'found':
        this.queries.get(message.id)?.resolve(message.found)
        return void this.queries.delete(message.id)
      case 'refused':
        this.queries.get(message.id)?.reject(new KerfError(message.error))
        return void this.queries.delete(message.id)
      case 'read':
        return void this.read(message)
      case 'crashed':
        return this.fail(message.error)
    }
  }

  private answer(id: number, answer: Answer): void {
    const call = this.calls.get(id)
    clearTimeout(call?.timer)
    this.calls.delete(id)
    call?.resolve(answer)
  }

  /** Reads a source of this page for the worker. */
  private async read({ id, source, offset, length }: FromWorker & { kind: 'read' }): Promise<void> {
    const custom = [...this.calls.values()].map(call => call.custom.get(source)).find(found => found)
    try {
      if (!custom) throw new Error('it is not there any more')
      const bytes = await custom.read(offset, length)
      if (!(bytes instanceof Uint8Array)) throw new Error('its read gave no Uint8Array')
      // A copy: the bytes may be a part of something that the page still needs.
      const own = new Uint8Array(bytes)
      this.post({ kind: 'bytes', id, bytes: own }, [own.buffer])
    } catch (error) {
      this.post({ kind: 'no-bytes', id, reason: error instanceof Error ? error.message : String(error) })
    }
  }

  private cancel(id: number): void {
    const call = this.calls.get(id)
    if (!call || call.timer !== undefined) return
    if (call.stop) Atomics.store(call.stop, 0, 1)
    this.post({ kind: 'cancel', id })
    const end = (): void => {
      // Others would have to begin again, so they may go on; the step of this call ends some time.
      if (this.calls.size + this.queries.size > 1) call.timer = setTimeout(end, GRACE_MS)
      else
        this.fail({ code: 'CANCELLED', message: 'cancelled; the same call goes on from here', details: {} })
    }
    call.timer = setTimeout(end, GRACE_MS)
  }

  /** Ends the worker, and with it all that runs there. */
  private fail(error: ErrorData): void {
    this.worker?.terminate()
    this.worker = undefined
    for (const id of [...this.calls.keys()]) this.answer(id, failed(error))
    for (const { reject } of this.queries.values()) reject(new KerfError(error))
    this.queries.clear()
  }
}

/** A script of another site is no worker, but a script of this page that imports it is. */
function sameOrigin(address: string): string {
  if (new URL(address).origin === location.origin) return address
  const source = `import ${JSON.stringify(address)}`
  return URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
}

function internal(reason: string): ErrorData {
  return { code: 'INTERNAL', message: `kerf stopped because of a bug: ${reason}`, details: { reason } }
}

function notLoaded(file: string, reason: string): ErrorData {
  const message =
    `the worker ${file} cannot be loaded (${reason}); in Vite's dev server say optimizeDeps: { exclude: ['kerf', '@kerf/browser'] }, ` +
    'with a bundler that does not copy files take worker.js and wasm from the package @kerf/browser and name their folder with configure({ assets })'
  return { code: 'WORKER_FAILED', message, details: { file, reason } }
}
