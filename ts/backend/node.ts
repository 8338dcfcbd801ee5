import type { ProgressEvent } from '../generated/index.js'
import { KerfError } from '../errors.js'
import { within } from '../overall.js'
import { requestJson } from '../request-json.js'
import { loadAddon } from './addon.js'
import type { Answer, Backend } from './backend.js'
import { nodeFiles } from './files.js'
import { here } from './here.js'
import { mayBeOnHub, withFolders } from './hub/resolve.js'
import { platformTriple } from './platform.js'

/** Version of the package, put in by the build. */
declare const KERF_VERSION: string

/** Share of a call that a download takes which it begins with. */
const DOWNLOADING = 0.3

/** The Rust addon in this process, on threads of its own: the event loop stays free. */
export function nodeBackend(): Backend {
  const addon = loadAddon(here(), platformTriple(), KERF_VERSION)
  return {
    start(command, request, onEvent) {
      const token = new addon.CancelToken()
      const stop = new AbortController()
      // What is fetched first is a part of the call.
      let begun = 0
      const fetching = (event: ProgressEvent): void => {
        begun = DOWNLOADING
        onEvent(within(event, 0, begun))
      }
      const listener = (eventJson: string): void =>
        onEvent(within(JSON.parse(eventJson) as ProgressEvent, begun, 1))
      const invoke = (placed: object): Promise<Answer> =>
        addon.invoke(command, requestJson(placed), listener, token)
      const answer = mayBeOnHub(request)
        ? withFolders(command, request, { signal: stop.signal, onEvent: fetching }).then(invoke, asAnswer)
        : invoke(request)
      const cancel = (): void => {
        stop.abort()
        token.cancel()
      }
      return { answer, cancel }
    },
    version: () => addon.version(),
    isa: () => addon.isa(),
    files: nodeFiles,
  }
}

/** An error of the way to a model, as the core would give it. */
function asAnswer(error: unknown): Answer {
  if (!(error instanceof KerfError)) throw error
  return { json: JSON.stringify({ error }), arrays: {} }
}
