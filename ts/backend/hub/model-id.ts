import { existsSync } from 'node:fs'
import { absolute } from '../home.js'

/** One part of an id: no path of `..`, and no name that the cache would take for two. */
const PART = /^(?!.*(?:--|\.\.))[A-Za-z0-9](?:[\w.-]*\w)?$/
/** Ends of names that are files and no models. */
const FILE = /\.(?:safetensors|gguf|kerf|json|bin|onnx|zip)$/i

/** What a name may mean where there is no such path. */
export interface ModelId {
  /** As the hub has it, such as `sentence-transformers/all-MiniLM-L6-v2`. */
  id: string
  /** Its last part. */
  name: string
  /** Whether it names an owner. Old ids such as `gpt2` do not: they are looked for in the cache, and never fetched. */
  hasOwner: boolean
}

/** The id that `model` is, unless it is a path of something that exists (from `folder` on), or can be none. */
export function modelId(model: unknown, folder = '.'): ModelId | undefined {
  if (typeof model !== 'string') return undefined
  const parts = model.split('/')
  const [name] = parts.slice(-1)
  if (name === undefined || parts.length > 2 || !parts.every(part => PART.test(part)) || FILE.test(name)) {
    return undefined
  }
  return existsSync(absolute(model, folder)) ? undefined : { id: model, name, hasOwner: parts.length === 2 }
}
