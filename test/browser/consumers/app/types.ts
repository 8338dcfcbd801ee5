// What the compiler lets through of sources and targets, and what it does not.
import { compress, evaluate } from 'kerf'

declare const directory: FileSystemDirectoryHandle
declare const files: FileList
declare const blob: Blob
declare const stream: WritableStream<Uint8Array>
declare const file: FileSystemWritableFileStream

void compress(directory, { out: directory })
void compress(files, { out: stream, calibration: blob })
void compress([...files], { out: file })
void compress(new URL('https://example.org/model/'), { out: 'small', calibration: ['a text'] })
void compress({ size: 3, read: (offset, length) => new Uint8Array(offset + length) })
void compress({ 'config.json': blob, 'model.safetensors': new URL('https://example.org/model.safetensors') })
void evaluate(blob, { textFile: blob, pairs: new URL('https://example.org/pairs.csv') })
// @ts-expect-error: a number is no model
void compress(3)
// @ts-expect-error: a result does not go into a blob
void compress('model', { out: blob })
// @ts-expect-error: there is no such option
void compress(directory, { sparsty: 0.7 })
