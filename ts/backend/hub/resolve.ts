// A model of a request that is no path: an id of the hub, looked for in the cache of Hugging Face's tools, else fetched into it.
import { join, resolve } from 'node:path'
import { KerfError } from '../../errors.js'
import type { ProgressEvent } from '../../generated/index.js'
import { within } from '../../overall.js'
import { expanded } from '../home.js'
import { lookInCache } from './cache.js'
import { download, NoOffer } from './download.js'
import { modelId, type ModelId } from './model-id.js'
import { hubSettings } from './settings.js'

/** How to follow and to stop what is fetched. */
export interface Watch {
  signal: AbortSignal
  onEvent: (event: ProgressEvent) => void
}

/** Fields of requests that are models. */
const FIELDS = ['model', 'original', 'small'] as const
/** Functions that write beside the model unless they are told where: with an id that would be inside the cache. */
const WRITERS: Readonly<Record<string, string>> = {
  plan: 'kerf',
  compress: 'kerf',
  finetune: 'tuned',
  route: 'router',
}

/** Whether a model of the request may be one of the hub. */
export function mayBeOnHub(request: object): boolean {
  const values = request as Record<string, unknown>
  return FIELDS.some(field => modelId(values[field]) !== undefined)
}

/**
 * The request with folders of the cache in the place of ids. An id without an owner that the cache does not have stays as it is. Events
 * tell shares of all models that may have to be fetched.
 */
export async function withFolders(command: string, request: object, watch: Watch): Promise<object> {
  const placed: Record<string, unknown> = { ...request }
  const ids = FIELDS.flatMap(field => {
    const id = modelId(placed[field])
    return id ? [{ field, id }] : []
  })
  for (const [index, { field, id }] of ids.entries()) {
    const onEvent = (event: ProgressEvent): void =>
      watch.onEvent(within(event, index / ids.length, (index + 1) / ids.length))
    const folder = await folderOf(id, { signal: watch.signal, onEvent })
    if (!folder) continue
    placed[field] = folder
    const end = WRITERS[command]
    if (end !== undefined) placed['out'] ??= resolve(`${id.name}-${end}`)
  }
  return placed
}

async function folderOf({ id, hasOwner }: ModelId, watch: Watch): Promise<string | undefined> {
  const library = await import('./library.js')
  const cache = resolve(expanded(library.getHFHubCachePath()))
  const repository = join(cache, library.getRepoFolderName({ name: id, type: 'model' }))
  const cached = await lookInCache(repository)
  if (cached?.lacks.length === 0) return cached.folder
  if (!hasOwner && cached === undefined) return undefined
  const has = cached ? `has it without ${cached.lacks.join(', ')}` : 'does not have it'
  const settings = await hubSettings()
  if (settings.offline) throw notFound(id, cache, has, 'HF_HUB_OFFLINE is set')
  if (!hasOwner) throw notFound(id, cache, has, 'only OWNER/NAME is fetched')
  try {
    return await download({ library, id, repository, cache, settings, ...watch })
  } catch (error) {
    if (watch.signal.aborted) throw cancelled(id)
    if (!(error instanceof NoOffer)) throw error
    throw notFound(id, cache, has, error.message)
  }
}

function notFound(id: string, cache: string, has: string, reason: string): KerfError {
  const message =
    `${id} is no folder here, the hub cache ${cache} ${has}, ` + `and it cannot be downloaded: ${reason}`
  return new KerfError({ code: 'NOT_FOUND', message, details: { path: id, cache, reason } })
}

function cancelled(id: string): KerfError {
  const message = `cancelled while ${id} was downloaded; files that are whole are kept`
  return new KerfError({ code: 'CANCELLED', message, details: { model: id } })
}
