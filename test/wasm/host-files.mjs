// The files that a wasm module asks its host for, over node:fs: every path is looked up in one folder.
import * as fs from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** An error as a browser throws it. */
function named(name, message) {
  return Object.assign(new Error(message), { name })
}

/** HostFiles over a folder. `room`: bytes that may be written before the quota is exceeded. */
export function hostFiles(root, { room = Infinity } = {}) {
  const at = path => join(root, path)
  const calls = { read: 0, write: 0 }
  return {
    calls,
    list(folder) {
      if (!fs.existsSync(at(folder)) || !fs.statSync(at(folder)).isDirectory()) return []
      const entries = fs.readdirSync(at(folder), { recursive: true, withFileTypes: true })
      const files = entries.filter(entry => !entry.isDirectory())
      return files.map(entry => relative(at(folder), join(entry.parentPath ?? entry.path, entry.name)))
    },
    size(path) {
      const found = fs.statSync(at(path), { throwIfNoEntry: false })
      return found?.isFile() ? found.size : -1
    },
    read(path, offset, into) {
      calls.read += 1
      return withFile(path, 'r', file => fs.readSync(file, into, 0, into.length, offset))
    },
    create(path) {
      fs.mkdirSync(dirname(at(path)), { recursive: true })
      fs.writeFileSync(at(path), '')
    },
    write(path, offset, bytes) {
      calls.write += 1
      room -= bytes.length
      if (room < 0) throw named('QuotaExceededError', 'no room')
      withFile(path, 'r+', file => fs.writeSync(file, bytes, 0, bytes.length, offset))
    },
    flush() {},
    rename(from, to) {
      fs.mkdirSync(dirname(at(to)), { recursive: true })
      fs.renameSync(at(from), at(to))
    },
    remove(path) {
      fs.rmSync(at(path), { recursive: true, force: true })
    },
  }

  function withFile(path, flags, body) {
    if (!fs.existsSync(at(path))) throw named('NotFoundError', `${path} is not there`)
    const file = fs.openSync(at(path), flags)
    try {
      return body(file)
    } finally {
      fs.closeSync(file)
    }
  }
}
