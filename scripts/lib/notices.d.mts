/** A crate of others inside an addon or a module. */
export interface Crate {
  name: string
  version: string
  /** SPDX expression. */
  licence: string
  authors: string[]
  folder: string
}
export const NOTICES: string
export const ALLOWED: readonly string[]
export function cratesIn(part: 'addon' | 'module'): Crate[]
export function choose(expression: string): string[] | undefined
export function notices(part: 'addon' | 'module'): string
