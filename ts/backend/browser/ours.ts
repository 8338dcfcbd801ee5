// Whether a directory is a result of kerf: what `force` may replace. The core decides the same for its own files.

const WEIGHTS = /\.(kerf|safetensors|gguf)$/
/** Longest header that is read. */
const MOST_HEADER_BYTES = 100_000_000
/** kerf names itself this early in a GGUF file. */
const GGUF_LOOK_BYTES = 4096

/** Why a directory with these names in it is no result of kerf; `undefined` if it is one. */
export async function whyNotOurs(
  directory: FileSystemDirectoryHandle,
  names: readonly string[],
): Promise<string | undefined> {
  const hidden = names.find(name => name.startsWith('.') && name !== '.DS_Store')
  if (hidden !== undefined) return `${hidden} is in it`
  const weights = names.filter(name => WEIGHTS.test(name))
  if (weights.length === 0) return 'it has no weights of kerf'
  for (const name of weights) {
    const isOurs = await directory
      .getFileHandle(name)
      .then(handle => handle.getFile())
      .then(file => (name.endsWith('.gguf') ? isOurGguf(file) : hasOurMetadata(file)))
      .catch(() => false)
    if (!isOurs) return `${name} is not from kerf`
  }
  return undefined
}

async function hasOurMetadata(file: Blob): Promise<boolean> {
  const length = new DataView(await file.slice(0, 8).arrayBuffer()).getBigUint64(0, true)
  if (length > BigInt(MOST_HEADER_BYTES)) return false
  const header = JSON.parse(await file.slice(8, 8 + Number(length)).text()) as { __metadata__?: object }
  return Object.keys(header.__metadata__ ?? {}).some(key => key.startsWith('kerf.'))
}

/** A text in GGUF is its length in eight bytes and the text. */
async function isOurGguf(file: Blob): Promise<boolean> {
  const start = new TextDecoder('latin1').decode(await file.slice(0, GGUF_LOOK_BYTES).arrayBuffer())
  return start.includes(`\r${'\0'.repeat(7)}kerf.producer`)
}
