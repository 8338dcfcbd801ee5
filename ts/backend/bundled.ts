import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Whether a bundler has put kerf's code into a file of another program: `folder`, where the code is (or where a bundler says that it
 * was), is then neither that of an installed package nor that of a checkout.
 */
export function isBundled(folder: string): boolean {
  if (!existsSync(folder)) return true
  return !/[\\/]node_modules[\\/]kerf[\\/]dist[\\/]?$/.test(folder) && nameOf(join(folder, '..')) !== 'kerf'
}

/** Name of the package whose root is a folder. */
function nameOf(folder: string): unknown {
  try {
    return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown } | null)?.name
  } catch {
    return undefined
  }
}
