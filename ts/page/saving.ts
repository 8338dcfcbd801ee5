// From kerf's own files to the person's downloads.
import { kept } from '../browser.js'

/** Long enough for a browser to have begun with a download. */
const KEEP_MS = 60_000

/** As many bytes lie in memory before the browser gets them as a blob, which it may put on the disk. */
const PIECE_BYTES = 8 * 1024 * 1024

/** Saves a folder as one zip file. */
export async function saveZip(name: string): Promise<void> {
  save(await blobOf(await kept.zip(name)), `${name}.zip`)
}

/** A blob of a stream, made piece by piece: `Response.blob` of a long stream may wait for ever where memory and disk are small. */
async function blobOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Blob> {
  const pieces: Blob[] = []
  let parts: Uint8Array<ArrayBuffer>[] = []
  let bytes = 0
  const reader = stream.getReader()
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value)
    bytes += part.value.length
    if (bytes < PIECE_BYTES) continue
    pieces.push(new Blob(parts))
    parts = []
    bytes = 0
  }
  return new Blob([...pieces, ...parts], { type: 'application/zip' })
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
