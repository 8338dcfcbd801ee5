// From kerf's own files to the person's downloads.
import { kept } from '../browser.js'

/** Long enough for a browser to have begun with a download. */
const KEEP_MS = 60_000

/** Saves a folder as one zip file. */
export async function saveZip(name: string): Promise<void> {
  save(await new Response(await kept.zip(name)).blob(), `${name}.zip`)
}

/** Saves one file. */
export async function saveFile(path: string): Promise<void> {
  const file = await kept.file(path)
  save(file, file.name)
}

/** Saves what is in memory. */
export function save(content: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), KEEP_MS)
}
