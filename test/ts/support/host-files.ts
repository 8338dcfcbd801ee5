import * as fs from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** What a module asks its host for. */
export type HostFiles = ReturnType<typeof hostFiles>

/** An error as a browser throws it. */
export function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name })
}

/** Files of a host over a folder of this machine, with room for a number of bytes. */
export function hostFiles(root: string, room = Infinity) {
  const at = (path: string): string => join(root, path)
  const withFile = (path: string, flags: string, body: (file: number) => number): number => {
    if (!fs.existsSync(at(path))) throw named('NotFoundError', `${path} is not there`)
    const file = fs.openSync(at(path), flags)
    try {
      return body(file)
    } finally {
      fs.closeSync(file)
    }
  }
  return {
    list(folder: string): string[] {
      if (!fs.existsSync(at(folder)) || !fs.statSync(at(folder)).isDirectory()) return []
      const entries = fs.readdirSync(at(folder), { recursive: true, withFileTypes: true })
      const files = entries.filter(entry => !entry.isDirectory())
      return files.map(entry => relative(at(folder), join(entry.parentPath, entry.name)))
    },
    size(path: string): number {
      const found = fs.statSync(at(path), { throwIfNoEntry: false })
      return found?.isFile() === true ? found.size : -1
    },
    read(path: string, offset: number, into: Uint8Array): number {
      return withFile(path, 'r', file => fs.readSync(file, into, 0, into.length, offset))
    },
    create(path: string): void {
      fs.mkdirSync(dirname(at(path)), { recursive: true })
      fs.writeFileSync(at(path), '')
    },
    write(path: string, offset: number, bytes: Uint8Array): void {
      room -= bytes.length
      if (room < 0) throw named('QuotaExceededError', 'no room')
      withFile(path, 'r+', file => fs.writeSync(file, bytes, 0, bytes.length, offset))
    },
    flush(): void {},
    rename(from: string, to: string): void {
      fs.mkdirSync(dirname(at(to)), { recursive: true })
      fs.renameSync(at(from), at(to))
    },
    remove(path: string): void {
      fs.rmSync(at(path), { recursive: true, force: true })
    },
  }
}
