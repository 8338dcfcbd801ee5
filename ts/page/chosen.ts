// From what a person dropped or picked to a model.
import type { Model } from '../browser.js'

/** A model that was chosen. */
export interface Chosen {
  name: string
  model: Exclude<Model, string>
  bytes: number
}

/** Folders below this depth are not looked into, as everywhere in kerf. */
const MAX_DEPTH = 3
const WEIGHTS = /\.(safetensors|kerf|gguf)$/

/** The files of an `<input>`; `undefined` if there are none. */
export function ofInput(files: FileList | null): Chosen | undefined {
  const named = Array.from(files ?? [], (file): [string, File] => [
    file.webkitRelativePath || file.name,
    file,
  ])
  return ofFiles(named)
}

/** What was dropped: folders are walked, hidden files left out. */
export async function ofDrop(items: DataTransferItemList): Promise<Chosen | undefined> {
  // All are taken before the first wait, after which the list is empty. Some things that are dropped are files without an entry.
  const dropped = Array.from(items, item => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }))
  const found = await Promise.all(
    dropped.map(({ entry, file }): Promise<[string, File][]> | [string, File][] => {
      if (entry) return under(entry, 0)
      return file ? [[file.name, file]] : []
    }),
  )
  return ofFiles(found.flat().map(([path, file]) => [path.replace(/^\//, ''), file]))
}

/** Files by path; if all are in one folder, that folder is the model. */
export function ofFiles(all: readonly (readonly [path: string, file: File])[]): Chosen | undefined {
  const shown = all.filter(([path]) => !path.split('/').some(part => part.startsWith('.')))
  const [first] = shown
  if (!first) return undefined
  const bytes = shown.reduce((sum, [, file]) => sum + file.size, 0)
  const roots = new Set(shown.map(([path]) => (path.includes('/') ? path.split('/', 1)[0] : '')))
  const [root] = roots
  if (roots.size === 1 && root) {
    return { name: root, model: shown.map(([path, file]) => placed(file, path)), bytes }
  }
  const weights = shown.filter(([path]) => WEIGHTS.test(path))
  const stem = weights.length === 1 ? weights[0]?.[0].replace(WEIGHTS, '') : undefined
  return { name: stem && stem !== 'model' ? stem : 'model', model: Object.fromEntries(shown), bytes }
}

/** A file that knows its path, as those of an `<input>` do. */
function placed(file: File, path: string): File {
  if (file.webkitRelativePath === path) return file
  return Object.defineProperty(file, 'webkitRelativePath', { value: path })
}

async function under(entry: FileSystemEntry, depth: number): Promise<[string, File][]> {
  if (entry.isFile) return [[entry.fullPath, await fileOf(entry as FileSystemFileEntry)]]
  if (depth > MAX_DEPTH) return []
  const inside = await entriesOf(entry as FileSystemDirectoryEntry)
  return (await Promise.all(inside.map(found => under(found, depth + 1)))).flat()
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject))
}

/** A reader gives about a hundred entries at a time. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader()
  const all: FileSystemEntry[] = []
  while (true) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    )
    if (some.length === 0) return all
    all.push(...some)
  }
}
