// Runs that this browser has begun, so that one that was interrupted can be found again.
import { kept } from '../browser.js'
import { FIRST, type Wanted } from './wanted.js'

/** A run as it is remembered. */
export interface Run {
  /** Name of the model. */
  model: string
  /** Folder of the result. */
  out: string
  /** What was asked for; a text of one's own is named only. */
  wanted: Omit<Wanted, 'text'>
  textName?: string
}

/** What lies in kerf's own files. */
export interface KeptThings {
  results: { name: string; bytes: number; files: { path: string; bytes: number }[] }[]
  unfinished: { out: string; bytes: number; run: Run | undefined }[]
}

const KEY = 'kerf.runs'
const WORK = /^\.(.+)\.kerf-work$/

/** What is remembered; nothing where storage is refused or holds something else. */
function remembered(): Run[] {
  try {
    const runs: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    return Array.isArray(runs)
      ? (runs as Run[]).map(run => ({ ...run, wanted: { ...FIRST, ...run.wanted } }))
      : []
  } catch {
    return []
  }
}

function write(runs: readonly Run[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(runs))
  } catch {
    // Resuming by hand still works: the same model with the same settings.
  }
}

/** Remembers that a run began. */
export function begun(model: string, out: string, { text, ...wanted }: Wanted): void {
  const run: Run = { model, out, wanted, ...(text && { textName: text.name }) }
  write([run, ...remembered().filter(other => other.out !== out)].slice(0, 20))
}

/** Forgets a run that is over. */
export function over(out: string): void {
  write(remembered().filter(run => run.out !== out))
}

/** Results and unfinished runs. */
export async function whatIsKept(): Promise<KeptThings> {
  const files = await kept.list()
  const runs = remembered()
  const things: KeptThings = { results: [], unfinished: [] }
  for (const [folder, inside] of byFolder(files)) {
    const bytes = inside.reduce((sum, file) => sum + file.bytes, 0)
    const work = WORK.exec(folder)?.[1]
    if (work !== undefined) {
      things.unfinished.push({ out: work, bytes, run: runs.find(run => run.out === work) })
    } else if (!folder.startsWith('.')) things.results.push({ name: folder, bytes, files: inside })
  }
  return things
}

/** The folder of the next result of a model: that of its unfinished run, or one that is free. */
export function outOf(model: string, { results, unfinished }: KeptThings): string {
  const open = unfinished.find(({ run }) => run?.model === model)
  if (open) return open.out
  const taken = new Set(results.map(({ name }) => name))
  let out = `${model}-kerf`
  for (let count = 2; taken.has(out); count += 1) out = `${model}-kerf-${count}`
  return out
}

function byFolder(
  files: readonly { path: string; bytes: number }[],
): Map<string, { path: string; bytes: number }[]> {
  const folders = new Map<string, { path: string; bytes: number }[]>()
  for (const { path, bytes } of files) {
    const [folder = '', ...rest] = path.split('/')
    if (rest.length === 0) continue
    folders.set(folder, [...(folders.get(folder) ?? []), { path: rest.join('/'), bytes }])
  }
  return folders
}
