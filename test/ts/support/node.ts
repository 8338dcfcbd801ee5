import { execFile } from 'node:child_process'

/** What a Node program prints. Not synchronous: a busy machine must not make the test runner wait. */
export function runNode(cwd: string, args: readonly string[]): Promise<string> {
  return new Promise(resolve => {
    execFile(process.execPath, args, { cwd }, (_, stdout, stderr) => resolve(stdout + stderr))
  })
}
