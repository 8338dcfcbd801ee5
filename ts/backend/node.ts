import { fileURLToPath } from 'node:url'
import type { ProgressEvent } from '../generated/index.js'
import { requestJson } from '../request-json.js'
import { loadAddon } from './addon.js'
import type { Backend } from './backend.js'
import { nodeFiles } from './files.js'
import { platformTriple } from './platform.js'

/** Version of the package, put in by the build. */
declare const KERF_VERSION: string

/** The Rust addon in this process, on threads of its own: the event loop stays free. */
export function nodeBackend(): Backend {
  const folder = fileURLToPath(new URL('.', import.meta.url))
  const addon = loadAddon(folder, platformTriple(), KERF_VERSION)
  return {
    start(command, request, onEvent) {
      const token = new addon.CancelToken()
      const listener = (eventJson: string): void => onEvent(JSON.parse(eventJson) as ProgressEvent)
      const answer = addon.invoke(command, requestJson(request), listener, token)
      return { answer, cancel: () => token.cancel() }
    },
    version: () => addon.version(),
    isa: () => addon.isa(),
    files: nodeFiles,
  }
}
