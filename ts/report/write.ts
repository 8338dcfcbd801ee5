import { backend } from '../backend/backend.js'
import { KerfError } from '../errors.js'

/** Writes a page about a result that is complete, which an error says. */
export async function writePage(path: string, page: string, { out }: { out: string }): Promise<string> {
  try {
    return await backend().files.write(path, page)
  } catch (error) {
    const { code = '', message: reason } = error as { code?: string; message: string }
    const message = `the result in ${out} is complete, but the report ${path} could not be written: ${reason}`
    throw new KerfError({ code: 'IO', message, details: { path, kind: code, reason } }, { cause: error })
  }
}
