import { flagWord, shellWord } from '../../format.js'
import type { FinetuneReport } from '../../generated/index.js'

/** The command that trains the same again: the options as they were given. */
export function commandOf(model: string, given: object, { out }: FinetuneReport): string {
  const words = ['npx kerf finetune', shellWord(model), '--out', shellWord(out)]
  for (const [name, value] of Object.entries(given)) {
    const flag = flagWord(name)
    if (['out', 'force', 'workDir'].includes(name) || value === false) continue
    if (Array.isArray(value)) words.push(flag, ...value.map(item => shellWord(String(item))))
    else if (value === true) words.push(flag)
    else if (['string', 'number'].includes(typeof value)) words.push(flag, shellWord(String(value)))
  }
  return words.join(' ')
}
