import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Folder of the file that this code is in: dist of kerf, or that of the file which a bundler made. One that makes CommonJS of an ES module
 * leaves `import.meta` empty.
 */
export function here(): string {
  const url = import.meta.url as string | undefined
  if (url !== undefined) return dirname(fileURLToPath(url))
  return typeof __filename === 'string' ? dirname(__filename) : process.cwd()
}
