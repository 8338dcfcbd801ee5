// The files that kerf keeps for this site, as a page sees them.
import { downloadZip } from 'client-zip'
import { KerfError } from '../../errors.js'
import type { Link } from './link.js'
import { clean, type KeptFile } from './protocol.js'
import { takeSettings } from './settings.js'

/** What kerf keeps for this site in the origin private file system: results, and work that was not finished. */
export interface Kept {
  /** All files in a folder and its folders, with paths relative to it; those of unfinished runs and copies begin with a dot. */
  list(folder?: string): Promise<KeptFile[]>
  /** A file's content, read when it is needed; `NOT_FOUND` if there is none. It lasts until kerf removes the file. */
  file(path: string): Promise<File>
  /** A file or folder as one zip file, which is made while it is read: `new Response(stream)`, `stream.pipeTo(...)`. */
  zip(path: string): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>
  /** Removes a file, or a folder with everything in it. */
  remove(path: string): Promise<void>
}

/** The files behind a worker. */
export function keptFiles(link: Link): Kept {
  const list = (folder = ''): Promise<KeptFile[]> => link.query({ ask: 'list', folder })
  const file = async (path: string): Promise<File> => {
    const slot = await link.query<string | undefined>({ ask: 'slot', path })
    if (slot === undefined) {
      throw new KerfError({ code: 'NOT_FOUND', message: `${path} does not exist`, details: { path } })
    }
    const root = await navigator.storage.getDirectory()
    const folder = await root.getDirectoryHandle(takeSettings().folder)
    const content = await (await folder.getFileHandle(slot)).getFile()
    return new File([content], clean(path).split('/').pop() ?? '')
  }
  return {
    list,
    file,
    async zip(path) {
      const files = await under(path)
      const entries = files.map(async ([name, place]) => ({ name, input: await file(place) }))
      const { body } = downloadZip(await Promise.all(entries))
      if (!body) throw new Error('kerf: a response without a body')
      return body as ReadableStream<Uint8Array<ArrayBuffer>>
    },
    remove: path => link.query({ ask: 'remove', path }),
  }

  /** Files under their names in the zip, which begin with the folder's. */
  async function under(path: string): Promise<[name: string, place: string][]> {
    const place = clean(path)
    const name = place.split('/').pop() ?? ''
    const inside = await list(place)
    return inside.length === 0
      ? [[name, place]]
      : inside.map(found => [`${name}/${found.path}`, `${place}/${found.path}`])
  }
}
