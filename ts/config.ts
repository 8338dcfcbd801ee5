import type { CompressOptions } from './options.js'
import type { AfterOptions } from './quality/options.js'

/** What a `kerf.config.ts`, `.js` or `.json` holds: a model and everything that `kerf compress` takes. */
export interface KerfConfig extends CompressOptions, AfterOptions {
  /** Where the JSON Schema is, for editors: `"./node_modules/kerf/dist/kerf.config.schema.json"`. */
  $schema?: string
  /** Folder or file of the model, or its id on the hub. Paths in a configuration are relative to its file. */
  model?: string
}

/**
 * Gives a configuration its type; returns it as it is.
 *
 *     // kerf.config.ts
 *     import { defineConfig } from 'kerf'
 *
 *     export default defineConfig({
 *       model: './all-MiniLM-L6-v2',
 *       preset: 'small',
 *       rules: [
 *         { match: { blocks: 0 }, bits: 8 },
 *         { match: { role: 'down' }, bits: 4 },
 *       ],
 *     })
 */
export function defineConfig(config: KerfConfig): KerfConfig {
  return config
}
