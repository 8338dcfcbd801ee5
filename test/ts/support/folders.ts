import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** A fresh folder that is removed when the tests of the file are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kerf-test-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A copy of a model that a test may damage. */
export function copyModel(model: string, folder: string, name: string): string {
  const copy = join(folder, name)
  cpSync(model, copy, { recursive: true })
  return copy
}

/** Every file of a folder with the SHA-256 of its bytes, as `path hash` lines in order. */
export function digest(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
    .map(
      file =>
        `${file.slice(folder.length + 1)} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`,
    )
}

/** Names in a folder, hidden ones too; none if it does not exist. */
export function names(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}
