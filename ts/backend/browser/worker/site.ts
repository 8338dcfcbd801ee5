// The files of a model on a server, which cannot be listed: those with the names that the hub and kerf give them.
import type { WireFile } from '../protocol.js'
import { notFound } from './failure.js'
import { probe, small } from './remote.js'

const SMALL = [
  'config.json',
  'adapter_config.json',
  'kerf-architecture.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'modules.json',
  'config_sentence_transformers.json',
  'sentence_bert_config.json',
]
const WEIGHTS = ['model.safetensors', 'model.kerf', 'model.gguf']
const ADAPTER = 'adapter_model.safetensors'
const INDEXES = ['model.safetensors.index.json', 'model.kerf.index.json']

type Entry = [path: string, file: WireFile]

/** Finds the files of the folder at `url`, which ends with `/`. `NOT_FOUND` if it has no weights. */
export async function filesOfSite(url: string, signal: AbortSignal): Promise<Entry[]> {
  const at = (path: string): string => new URL(path.split('/').map(encodeURIComponent).join('/'), url).href
  const fetched = async (path: string): Promise<Entry[]> => {
    const blob = await small(at(path), signal)
    return blob ? [[path, { kind: 'blob', blob }]] : []
  }
  const [sidecars, weights] = await Promise.all([all(SMALL, fetched), weightsOf(at, fetched, signal)])
  if (weights.length === 0) throw notFound(at('model.safetensors'))
  const modules = await all(await modulesIn(sidecars), fetched)
  const isAdapted = sidecars.some(([path]) => path === 'adapter_config.json')
  const adapter = isAdapted ? await largeFile(at, ADAPTER, signal) : []
  return [...sidecars, ...modules, ...weights, ...adapter]
}

/** A file that is read where it is, if it is there. */
async function largeFile(at: (path: string) => string, path: string, signal: AbortSignal): Promise<Entry[]> {
  const remote = await probe(at(path), signal)
  return remote && !remote.isPage ? [[path, { kind: 'url', url: at(path) }]] : []
}

/** The one file, or the index with all files that it names. */
async function weightsOf(
  at: (path: string) => string,
  fetched: (path: string) => Promise<Entry[]>,
  signal: AbortSignal,
): Promise<Entry[]> {
  const single = await all(WEIGHTS, path => largeFile(at, path, signal))
  if (single.length > 0) return single
  const indexes = await all(INDEXES, fetched)
  const shards = await all(indexes, async ([, index]): Promise<Entry[]> => {
    const { weight_map: map } = (await json(index)) as { weight_map?: Record<string, unknown> }
    const names = [...new Set(Object.values(map ?? {}))].filter(name => typeof name === 'string')
    return names.map(name => [name, { kind: 'url', url: at(name) }])
  })
  return [...indexes, ...shards]
}

/** What modules.json names, such as `1_Pooling/config.json`, with the weights of a module that has some. */
async function modulesIn(files: readonly Entry[]): Promise<string[]> {
  const list = files.find(([path]) => path === 'modules.json')
  if (!list) return []
  const modules = (await json(list[1])) as { path?: unknown }[]
  if (!Array.isArray(modules)) return []
  const paths = modules.map(module => module.path).filter(path => typeof path === 'string' && path !== '')
  return paths.flatMap(path => [`${path}/config.json`, `${path}/model.safetensors`])
}

/** `null` for what is no JSON: what is wrong with a file is for the core to say. */
async function json(file: WireFile): Promise<unknown> {
  try {
    return file.kind === 'blob' ? (JSON.parse(await file.blob.text()) ?? {}) : {}
  } catch {
    return {}
  }
}

async function all<T, R>(items: readonly T[], body: (item: T) => Promise<R[]>): Promise<R[]> {
  return (await Promise.all(items.map(body))).flat()
}
