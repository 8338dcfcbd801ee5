import { once } from 'node:events'
import pc from 'picocolors'

export type Colors = ReturnType<typeof pc.createColors>

/** Where a command writes: results to `out`, everything else to `err`. */
export interface Screen {
  /** A line of the result. */
  line: (text?: string) => void
  /** A piece of the result without a line end. */
  write: (text: string) => void
  /** As `write`; resolves when the reader has taken enough that more may come. */
  put(piece: string | Uint8Array): Promise<void>
  /** Colours of the result; plain text where they are not wanted. */
  colors: Colors
  /** A text of the core with options as they are called here; as it is, where nobody says how. */
  spell?: (text: string) => string
  /** Columns that a line may take. */
  width: number
}

type Stream = NodeJS.WriteStream

/** Whether escape sequences are welcome: on a terminal that knows them, unless NO_COLOR is set to anything. */
export function wantsColor(stream: Stream, env: NodeJS.ProcessEnv = process.env): boolean {
  if (env['NO_COLOR']) return false
  if (env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0') return true
  return stream.isTTY === true && env['TERM'] !== 'dumb'
}

/** Columns of a terminal; 100 where there is none. */
export function columns(stream: Stream): number {
  return stream.isTTY && stream.columns > 0 ? stream.columns : 100
}

/** The screen of standard output. */
export function openScreen(): Screen {
  const out = process.stdout
  return {
    line: (text = '') => void out.write(`${text}\n`),
    write: text => void out.write(text),
    async put(piece) {
      if (!out.write(piece)) await once(out, 'drain')
    },
    colors: pc.createColors(wantsColor(out)),
    width: columns(out),
  }
}
