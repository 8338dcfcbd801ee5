/** The part of `FileSystemSyncAccessHandle` that the storage needs; tests have one in memory. */
export interface Access {
  read(into: Uint8Array, options: { at: number }): number
  write(bytes: Uint8Array, options: { at: number }): number
  truncate(size: number): void
  getSize(): number
  flush(): void
  close(): void
}

/** Writes all of the bytes, or throws `QuotaExceededError`. */
export function writeAll(access: Access, bytes: Uint8Array, at: number): void {
  const written = access.write(bytes, { at })
  if (written < bytes.length) throw named('QuotaExceededError', 'there is no space left for this site')
}

/** An error whose name the core understands. */
export function named(name: string, message: string): Error {
  const error = new Error(message)
  error.name = name
  return error
}
