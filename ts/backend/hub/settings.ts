import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { expanded } from '../home.js'

/** What the environment says about the hub, in the words of its own tools. */
export interface HubSettings {
  /** `HF_HUB_OFFLINE`: nothing is fetched. */
  offline: boolean
  /** `HF_ENDPOINT`: another host than the library's own. */
  endpoint?: string
  /** `HF_TOKEN`, or what `hf auth login` wrote. */
  token?: string
}

/** Reads the environment. */
export async function hubSettings(): Promise<HubSettings> {
  const endpoint = said('HF_ENDPOINT')?.replace(/\/+$/, '')
  const token = await findToken()
  return {
    offline: isTrue('HF_HUB_OFFLINE') || isTrue('TRANSFORMERS_OFFLINE'),
    ...(endpoint !== undefined && { endpoint }),
    ...(token !== undefined && { token }),
  }
}

async function findToken(): Promise<string | undefined> {
  const given = said('HF_TOKEN') ?? said('HUGGING_FACE_HUB_TOKEN')
  if (given !== undefined) return given
  if (isTrue('HF_HUB_DISABLE_IMPLICIT_TOKEN')) return undefined
  const home = said('HF_HOME') ?? join(said('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'huggingface')
  const file = expanded(said('HF_TOKEN_PATH') ?? join(home, 'token'))
  const token = await readFile(file, 'utf8').catch(() => '')
  return token.trim() || undefined
}

/** A variable that is set to more than blanks. */
function said(name: string): string | undefined {
  return process.env[name]?.trim() || undefined
}

function isTrue(name: string): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes((said(name) ?? '').toUpperCase())
}
