import { spawn, type ChildProcess } from 'node:child_process'
import { root } from './models.js'

const program = `${root}dist/cli.js`

/** How a command ended. */
export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** Starts `kerf ...`; `meanwhile` sees the process and everything it writes on standard error. */
export function kerf(
  args: readonly string[],
  meanwhile: (child: ChildProcess, stderr: string) => void = () => undefined,
  env: NodeJS.ProcessEnv = {},
  started: (child: ChildProcess) => void = () => undefined,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    started(child)
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString()
      meanwhile(child, stderr)
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
}

/** The one JSON object on standard output. */
export function json(ended: Ended): Record<string, unknown> {
  return JSON.parse(ended.stdout) as Record<string, unknown>
}

/** The `error` of a failed command with `--json`. */
export function jsonError(ended: Ended): { code: string; message: string; details: Record<string, unknown> } {
  const { error, ...rest } = json(ended)
  if (Object.keys(rest).length > 0) throw new Error(`more than an error: ${ended.stdout}`)
  return error as ReturnType<typeof jsonError>
}
