import { call, type RunOptions } from './call.js'
import type { CompressReport } from './generated/index.js'
import { compressRequest, type CompressOptions } from './options.js'

/**
 * Compresses a model folder (or single file) into a new folder and reports what was done.
 *
 * Nothing appears under `out` before everything is written. A cancelled or killed run keeps its finished units in `workDir`: the
 * same call goes on from there and gives the same bytes.
 *
 * Errors: `BAD_OPTION`, `OUTPUT_EXISTS`, `MEMORY_LIMIT`, `CALIBRATION_EMPTY`, `NON_FINITE`, `DISK_FULL`, `CANCELLED` and those of
 * reading a model. Memory: what `plan` says.
 *
 *     const report = await compress('./all-MiniLM-L6-v2', { sparsity: 0.7, bits: 4, out: './small' })
 *
 * @param model Folder as the Hugging Face hub lays it out, a single file, or what kerf wrote.
 * @param options How small, where to, and what to be told meanwhile; every one has a default.
 */
export async function compress(
  model: string,
  options: CompressOptions & RunOptions = {},
): Promise<CompressReport> {
  return call<CompressReport>('compress', compressRequest(model, options), options)
}
