import { mkdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ListFileEntry } from '@huggingface/hub'
import { KerfError } from '../../errors.js'
import type { ProgressEvent } from '../../generated/index.js'
import type { HubSettings } from './settings.js'
import { patientFetch } from './patient-fetch.js'
import { wanted, type Wanted } from './wanted.js'

type Library = typeof import('./library.js')

/** A download. */
export interface Download {
  library: Library
  /** As the hub has it. */
  id: string
  /** Folder of the repository in the cache. */
  repository: string
  /** The cache. */
  cache: string
  settings: HubSettings
  signal: AbortSignal
  onEvent: (event: ProgressEvent) => void
}

/** What the hub says that it has. */
interface Offer {
  commit: string
  entries: Map<string, ListFileEntry>
}

/** Why nothing could be fetched, before the first file. */
export class NoOffer extends Error {}

/**
 * Brings the files that kerf reads into the cache, laid out as Hugging Face's own tools do, and says in which folder they are. The
 * reference `main` is written last, so that half a model is never taken for one. Throws {@link NoOffer} if the hub has no such model or
 * cannot be reached, `NOT_A_MODEL` if it has nothing that kerf reads, `DOWNLOAD_FAILED` if a file does not arrive.
 */
export async function download(job: Download): Promise<string> {
  const { repository, id } = job
  const counter = progressOf(job)
  const common = {
    ...hubOf(job.settings),
    repo: id,
    cacheDir: job.cache,
    fetch: patientFetch({ signal: job.signal, onBytes: counter.more }),
  }
  const offer = await askFor(job, common)
  const fetchOne = async (file: string): Promise<string> => {
    const path = await job.library.downloadFileToCacheDir({ ...common, path: file, revision: offer.commit })
    await checkLength(path, offer.entries.get(file))
    return path
  }
  try {
    const read = async (file: string): Promise<unknown> =>
      JSON.parse(await readFile(await fetchOne(file), 'utf8'))
    const choice = await wanted([...offer.entries.keys()], read)
    refuse(id, choice, [...offer.entries.keys()])
    const sizes = new Map(choice.files.map(file => [file, offer.entries.get(file)?.size ?? 0]))
    counter.begin(sizes)
    for (const file of choice.files) {
      counter.file(file)
      await fetchOne(file)
    }
    counter.end()
  } catch (error) {
    if (error instanceof KerfError || job.signal.aborted) throw error
    throw failed(id, error)
  }
  await mkdir(join(repository, 'refs'), { recursive: true })
  await writeFile(join(repository, 'refs', 'main'), offer.commit)
  return join(repository, 'snapshots', offer.commit)
}

function hubOf({ endpoint, token }: HubSettings): { hubUrl?: string; accessToken?: string } {
  return {
    ...(endpoint !== undefined && { hubUrl: endpoint }),
    ...(token !== undefined && { accessToken: token }),
  }
}

/** The commit of `main` and its files. */
async function askFor(
  { library, id, signal }: Download,
  common: { repo: string; fetch: typeof fetch; hubUrl?: string; accessToken?: string },
): Promise<Offer> {
  try {
    const { sha } = await library.modelInfo({
      ...common,
      name: id,
      additionalFields: ['sha'],
      revision: 'main',
    })
    const entries = new Map<string, ListFileEntry>()
    for await (const entry of library.listFiles({ ...common, recursive: true, revision: sha })) {
      if (entry.type === 'file') entries.set(entry.path, entry)
    }
    return { commit: sha, entries }
  } catch (error) {
    if (signal.aborted) throw error
    throw new NoOffer(reasonOf(error, library), { cause: error })
  }
}

/** What the hub or the network said, in words. */
function reasonOf(error: unknown, library: Library): string {
  if (error instanceof library.HubApiError) {
    const { statusCode } = error
    if (statusCode === 401 || statusCode === 403 || statusCode === 404) {
      return `the hub has no public model of this name (HTTP ${statusCode}); for a private or gated one set HF_TOKEN, or run "hf auth login"`
    }
    return `the hub answered HTTP ${statusCode}`
  }
  const { message, cause } = error as { message?: string; cause?: { message?: string } }
  return cause?.message ?? message ?? String(error)
}

/** Refuses what kerf could not open, before its weights are fetched. */
function refuse(id: string, { files, missing, hasWeights }: Wanted, all: readonly string[]): void {
  const details = (reason: string): Record<string, unknown> => ({ path: id, reason })
  if (!hasWeights) {
    const others = all.filter(file => !file.includes('/') && /\.(?:bin|h5|msgpack|onnx)$/.test(file))
    const has = others.length > 0 ? ` (it has ${others.slice(0, 3).join(', ')})` : ''
    const reason = `the hub has no safetensors file of it${has}; kerf reads safetensors`
    throw new KerfError({
      code: 'NOT_A_MODEL',
      message: `${id} is not a model for kerf: ${reason}`,
      details: details(reason),
    })
  }
  const [first] = missing
  if (first !== undefined) {
    const reason = `its index names ${first}, which the hub does not have`
    throw new KerfError({
      code: 'NOT_A_MODEL',
      message: `${id} is not whole: ${reason}`,
      details: details(reason),
    })
  }
  const several = files.filter(file => file.endsWith('.gguf'))
  if (several.length > 1) {
    const reason = `it has ${several.length} GGUF files; fetch one, hf download ${id} ${several[0]}, and give its path`
    throw new KerfError({
      code: 'NOT_A_MODEL',
      message: `${id} is several models: ${reason}`,
      details: details(reason),
    })
  }
}

/** A connection that ended early leaves a file that the cache would take for whole. */
async function checkLength(path: string, entry: ListFileEntry | undefined): Promise<void> {
  const file = await realpath(path)
  const { size } = await stat(file)
  if (entry === undefined || size === entry.size) return
  await rm(file, { force: true })
  await rm(path, { force: true })
  throw new Error(`${entry.path} has ${size} of ${entry.size} bytes`)
}

function failed(id: string, error: unknown): KerfError {
  const { message, cause } = error as { message?: string; cause?: { message?: string } }
  const reason = cause?.message ?? message ?? String(error)
  const text = `the download of ${id} broke off: ${reason}; files that are whole are kept, the same call goes on`
  return new KerfError(
    { code: 'DOWNLOAD_FAILED', message: text, details: { model: id, reason } },
    { cause: error },
  )
}

interface Counter {
  begin: (sizes: ReadonlyMap<string, number>) => void
  file: (name: string) => void
  more: (bytes: number) => void
  end: () => void
}

/** Least time between two events. */
const PAUSE_MS = 50

/** Bytes of all files together; what a file took beyond its length (questions about it) does not count. */
function progressOf({ onEvent }: Download): Counter {
  let sizes: ReadonlyMap<string, number> = new Map()
  let [before, now, size, total, last] = [0, 0, 0, 0, 0]
  let name = ''
  const tell = (): void => {
    last = performance.now()
    const done = before + Math.min(now, size)
    onEvent({ stage: 'download', done, total, unit: 'bytes', name, overall: total === 0 ? 0 : done / total })
  }
  return {
    begin: given => {
      sizes = given
      total = [...given.values()].reduce((sum, bytes) => sum + bytes, 0)
    },
    file: file => {
      before += size
      ;[name, now, size] = [file, 0, sizes.get(file) ?? 0]
      tell()
    },
    more: bytes => {
      now += bytes
      if (total > 0 && performance.now() - last >= PAUSE_MS) tell()
    },
    end: () => {
      now = size
      tell()
    },
  }
}
