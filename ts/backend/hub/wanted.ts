// Which files of a repository kerf reads: the rules of crates/tensors/src/catalog (choose.rs, sidecars.rs), on names alone.

/** What is chosen of a list of files. */
export interface Wanted {
  /** Files of the list, small ones before weights. */
  files: string[]
  /** What the index or modules.json names and the list does not have. */
  missing: string[]
  /** Whether there are weights among the files. */
  hasWeights: boolean
}

/** Reads a small file of the list. */
export type ReadJson = (file: string) => Promise<unknown>

const SMALL =
  /^(?:config|kerf-architecture|generation_config|vocab|special_tokens_map|added_tokens|modules|config_sentence_transformers|preprocessor_config|adapter_config|quantize_config|quant_config|tokenizer.*|sentence_.*_config|chat_template.*)\.json$|^(?:vocab|merges)\.txt$|\.model$|^chat_template|^README\.md$|^LICENSE/
const ADAPTER = 'adapter_model.safetensors'
const INDEX = 'model.safetensors.index.json'
const OTHERS = /\.(?:bin|h5|msgpack|onnx|ot)$/

/** Chooses; `read` is asked for the index and modules.json where the list has them. */
export async function wanted(list: readonly string[], read: ReadJson): Promise<Wanted> {
  const top = list.filter(file => !file.includes('/'))
  const modules = list.includes('modules.json') ? folders(await read('modules.json')) : []
  const ofModules = modules.flatMap(folder => inFolder(list, folder))
  const weights = await chooseWeights(top, read)
  const small = top.filter(file => SMALL.test(file))
  const files = [...new Set([...small, ...ofModules, ...weights.files])]
  // A module without parameters has no files.
  return {
    files,
    missing: weights.missing,
    hasWeights: [...weights.files, ...ofModules].some(file => /\.(?:kerf|safetensors|gguf)$/.test(file)),
  }
}

async function chooseWeights(
  top: readonly string[],
  read: ReadJson,
): Promise<{ files: string[]; missing: string[] }> {
  const adapter = top.filter(file => file === ADAPTER)
  const others = top.filter(file => file !== ADAPTER)
  for (const extension of ['kerf', 'safetensors', 'gguf']) {
    const all = others.filter(file => file.endsWith(`.${extension}`))
    const single = `model.${extension}`
    if (all.includes(single)) return { files: [...adapter, single], missing: [] }
    if (extension === 'safetensors' && top.includes(INDEX)) {
      const shards = shardsOf(await read(INDEX))
      const missing = shards.filter(shard => !top.includes(shard))
      return { files: [...adapter, INDEX, ...shards.filter(shard => top.includes(shard))], missing }
    }
    if (all.length > 0) return { files: [...adapter, ...all], missing: [] }
  }
  return { files: adapter, missing: [] }
}

/** Files of a module; what other programs read of it is left out where kerf's form lies beside it. */
function inFolder(list: readonly string[], folder: string): string[] {
  const all = list.filter(
    file => file.startsWith(`${folder}/`) && !file.slice(folder.length + 1).includes('/'),
  )
  const isOurs = all.some(file => file.endsWith('.safetensors'))
  return all.filter(file => !(isOurs && OTHERS.test(file)))
}

/** Folders that modules.json names. What it gets wrong, the core says. */
function folders(modules: unknown): string[] {
  const paths = Array.isArray(modules)
    ? modules.map(module => (module as { path?: unknown } | null)?.path)
    : []
  return paths.filter((path): path is string => typeof path === 'string' && path !== '')
}

function shardsOf(index: unknown): string[] {
  const map = (index as { weight_map?: unknown } | null)?.weight_map
  const names = typeof map === 'object' && map !== null ? Object.values(map) : []
  return [...new Set(names.filter((name): name is string => typeof name === 'string'))].sort()
}
