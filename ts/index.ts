import { provideBackend } from './backend/backend.js'
import { nodeBackend } from './backend/node.js'

provideBackend(nodeBackend)

export * from './api.js'
export { loadConfig, type LoadedConfig } from './load-config.js'
