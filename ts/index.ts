import { provideBackend } from './backend/backend.js'
import { nodeBackend } from './backend/node.js'

provideBackend(nodeBackend)

export * from './api.js'
export {
  finetune,
  type FinetuneOptions,
  type FinetuneResult,
  type Pruner,
  type RateSchedule,
  type Task,
} from './finetune.js'
export type { ChatMessage } from './chat.js'
export { open, type OpenModel } from './open.js'
export { route, type RouteOptions, type RouteResult, type Router } from './route.js'
export { loadConfig, type LoadedConfig } from './load-config.js'
