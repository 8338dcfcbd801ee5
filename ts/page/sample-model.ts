import { ofFiles, type Chosen } from './chosen.js'

const NAME = 'stories260K'
/** Its files beside the page, put there by the build. */
const FILES = [
  'config.json',
  'generation_config.json',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
]

/** The small model that is on board: it writes stories for children. Errors: an `Error` that names the file that could not be fetched. */
export async function sampleModel(): Promise<Chosen | undefined> {
  const files = await Promise.all(
    FILES.map(async (name): Promise<[string, File]> => {
      const response = await fetch(`sample/${NAME}/${name}`)
      if (!response.ok) throw new Error(`the sample's file ${name} could not be fetched (${response.status})`)
      return [`${NAME}/${name}`, new File([await response.blob()], name)]
    }),
  )
  return ofFiles(files)
}
