// Why a server cannot listen.
import { badOption } from '../check.js'
import type { KerfError } from '../errors.js'

/** The system's error in words of the options `host` and `port`. */
export function refused(error: NodeJS.ErrnoException, host: string, port: number): KerfError {
  if (error.code === 'EADDRINUSE')
    return badOption('port', 'a port that is free (such as 0, any)', `${port}, in use`)
  if (error.code === 'EACCES') return badOption('port', 'a port that you may open, from 1024 on', port)
  return badOption('host', `an address of this machine (${error.message})`, host)
}
