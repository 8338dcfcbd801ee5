import { provideBackend } from './backend/backend.js'
import { browserBackend } from './backend/browser/page.js'
import { accepted } from './backend/browser/sources.js'
import { provideSources } from './source.js'

provideBackend(browserBackend)
provideSources(accepted)

export * from './api.js'
export { configure, type Settings } from './backend/browser/settings.js'
export { kept } from './backend/browser/page.js'
export type { Kept } from './backend/browser/kept.js'
export type { KeptFile } from './backend/browser/protocol.js'
