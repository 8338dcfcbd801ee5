// Synchronous access handles: what of them is used, and how one is opened.

/** The part of `FileSystemSyncAccessHandle` that the storage needs; tests have one in memory. */
export interface Access {
  read(into: AllowSharedBufferSource, options: { at: number }): number
  write(bytes: AllowSharedBufferSource, options: { at: number }): number
  truncate(size: number): void
  getSize(): number
  flush(): void
  close(): void
}

/** How long a handle may be held by a worker that has just been ended. */
const PATIENCE_MS = 5000
const PAUSE_MS = 50

/** Opens a file of the directory, which is made if it is not there. */
export async function openAccess(directory: FileSystemDirectoryHandle, name: string): Promise<Access> {
  const file = await directory.getFileHandle(name, { create: true })
  const last = performance.now() + PATIENCE_MS
  while (true) {
    try {
      return await file.createSyncAccessHandle()
    } catch (error) {
      const isHeld = (error as Error).name === 'NoModificationAllowedError'
      if (!isHeld || performance.now() > last) throw error
      await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
    }
  }
}

/** Writes all of the bytes, or throws `QuotaExceededError`. */
export function writeAll(access: Access, bytes: Uint8Array, at: number): void {
  const written = access.write(bytes as Uint8Array<ArrayBuffer>, { at })
  if (written < bytes.length) throw named('QuotaExceededError', 'there is no space left for this site')
}

/** An error whose name the core understands. */
export function named(name: string, message: string): Error {
  const error = new Error(message)
  error.name = name
  return error
}
