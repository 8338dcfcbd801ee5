import type { Access } from './access.js'
import type { SlotFolder } from './pool.js'

/** How long a handle may be held by a worker that has just been ended. */
const PATIENCE_MS = 5000
const PAUSE_MS = 50

/** Opens a file of the directory, which is made if it is not there. */
async function openAccess(directory: FileSystemDirectoryHandle, name: string): Promise<Access> {
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

/** Slots of a directory of the origin private file system. */
export function slotFolder(directory: FileSystemDirectoryHandle): SlotFolder {
  return {
    async names() {
      const names: string[] = []
      for await (const name of directory.keys()) names.push(name)
      return names
    },
    open: name => openAccess(directory, name),
  }
}
