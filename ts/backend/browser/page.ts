import type { Backend } from '../backend.js'
import { delivery } from './delivery.js'
import { browserFiles } from './files.js'
import { keptFiles, type Kept } from './kept.js'
import { Link } from './link.js'

/** Version of the package, put in by the build. */
declare const KERF_VERSION: string

const link = new Link()

/** The files that kerf keeps for this site. */
export const kept: Kept = keptFiles(link)

/** The core in a worker of this page (or of the worker that this runs in). */
export function browserBackend(): Backend {
  return {
    start: (command, request, onEvent) => link.start(command, request, onEvent),
    version: () => KERF_VERSION,
    isa: () => 'simd128',
    files: browserFiles(link),
    deliver: (target, model) => delivery(kept, target, model),
  }
}
