// Options of the core that have another name in the API.
import type { ErrorData } from './errors.js'
import { inCode, sentenceOf, spelled } from './sentences.js'

const PUBLIC: Readonly<Record<string, string>> = {
  dampingRel: 'damping',
  maxMemoryBytes: 'maxMemory',
  maxShardBytes: 'maxShardSize',
  pairsFile: 'pairs',
}

/** The name of an option of the core in the API. */
export function publicName(option: string): string {
  return PUBLIC[option] ?? option
}

/** An error of the core as whoever uses the API knows its options. */
export function inPublicNames(data: ErrorData): ErrorData {
  const option = data.details['option']
  const details = typeof option === 'string' ? { ...data.details, option: publicName(option) } : data.details
  const message = spelled(data.message, { ...inCode, name: name => `\`${publicName(name)}\`` })
  return { ...data, details, message: sentenceOf({ ...data, details, message }, inCode) }
}
