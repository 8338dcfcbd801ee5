// Starting programs: what is shown, what is kept, what stops.
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Root of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** An error that is shown as one sentence, without a stack. */
export class Stop extends Error {}

/** A program that is not here and cannot be fetched. Tests that need it are then skipped, and say so. */
export class Missing extends Stop {}

/** Runs what fetches a program. Throws Missing if that fails. */
export function fetchWith(program, args, options) {
  try {
    run(program, args, options)
  } catch (error) {
    throw error instanceof Stop ? new Missing(error.message) : error
  }
}

const windows = process.platform === 'win32'

/** Runs a program to its end with its output on this terminal. Throws Stop if it fails. */
export function run(program, args, options = {}) {
  const result = spawnSync(program, args, { cwd: root, stdio: 'inherit', shell: windows, ...options })
  if (result.error) throw new Stop(`cannot run ${program}: ${result.error.message}`)
  if (result.status !== 0) throw new Stop(`"${[program, ...args].join(' ')}" failed`)
}

/** Like `run`, but other programs may run meanwhile: resolves when the program has ended. */
export function running(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit', shell: windows, ...options })
    child.on('error', error => reject(new Stop(`cannot run ${program}: ${error.message}`)))
    child.on('close', code =>
      code === 0 ? resolve() : reject(new Stop(`"${[program, ...args].join(' ')}" failed`)),
    )
  })
}

/** Output of a program, or undefined if it cannot be run or fails. */
export function output(program, args) {
  const result = spawnSync(program, args, { cwd: root, encoding: 'utf8', shell: windows })
  return result.status === 0 ? result.stdout : undefined
}

/** Runs a program with its output on this terminal, and resolves to its exit code and everything it printed. */
export function tee(program, args, options = {}) {
  return new Promise(resolve => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: windows,
      ...options,
    })
    let text = ''
    const copy = (from, to) =>
      from.on('data', data => {
        text += data
        to.write(data)
      })
    copy(child.stdout, process.stdout)
    copy(child.stderr, process.stderr)
    child.on('error', error => resolve({ code: 1, text: `${text}\n${error.message}` }))
    child.on('close', code => resolve({ code: code ?? 1, text }))
  })
}

/** Says what happens next. */
export function say(text) {
  console.log(`\n> ${text}`)
}

/** Runs the body of a script: a Stop becomes one line and exit code 1. */
export async function main(body) {
  try {
    await body()
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    console.error(`\n${error.message}`)
    process.exitCode = 1
  }
}
