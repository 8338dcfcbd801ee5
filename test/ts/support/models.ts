import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Root of the repository. */
export const root = fileURLToPath(new URL('../../..', import.meta.url))

/** A real LLaMA of 260 thousand weights that ships with the repository. */
export const stories = `${root}test/fixtures/stories260K`

/** A short text of the kind that it was trained on. */
export const sample = `${root}test/fixtures/tinystories-sample.txt`

const encoderFolder = `${root}../shared/models/all-MiniLM-L6-v2`

/** A real sentence encoder, where the folder of shared models is present. */
export const encoder = existsSync(encoderFolder) ? encoderFolder : undefined

/** Options that make a run of the small model short. */
export const quick = { tokens: 1024, threads: 2 } as const
