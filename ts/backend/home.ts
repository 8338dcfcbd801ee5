import { homedir } from 'node:os'
import { join, resolve, sep } from 'node:path'

/**
 * The path with the home folder in the place of `~`, as a shell would have it and as the core has it; `~user` is a name. Whatever
 * TypeScript opens by a path of the user goes through here.
 */
export function expanded(path: string): string {
  const isHome = path === '~' || path.startsWith('~/') || path.startsWith(`~${sep}`)
  return isHome ? join(homedir(), path.slice(1)) : path
}

/** The whole path, from `folder` on. */
export function absolute(path: string, folder = '.'): string {
  return resolve(folder, expanded(path))
}
