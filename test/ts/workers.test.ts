// Worker threads: they load the addon, end, and are ended in the middle of a call. Each case is a program of its own, since what is at stake
// is the process.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from './support/folders.js'
import { root, stories } from './support/models.js'

const programs = join(root, 'test', 'ts', 'support', 'workers')
const kerf = pathToFileURL(join(root, 'dist', 'index.js')).href
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')

interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  output: string
}

function node(...args: string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    // Not as a part of the vitest that runs this.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')))
    const child = spawn(process.execPath, args, { env: { ...env, NO_COLOR: '1' } })
    let output = ''
    child.stdout.on('data', (data: Buffer) => (output += data.toString()))
    child.stderr.on('data', (data: Buffer) => (output += data.toString()))
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, output }))
  })
}

describe('a process whose main thread has not loaded kerf', () => {
  it('survives Workers that load it and end, one after the other', async () => {
    const ended = await node(join(programs, 'one-after-the-other.mjs'), kerf)
    expect(ended).toMatchObject({ code: 0, signal: null })
    expect(ended.output).toMatch(/^(\w+ 0\n){3}$/)
  })

  it.each(['--poolOptions.threads.maxThreads=1', '--poolOptions.threads.maxThreads=2'])(
    'runs vitest --pool=threads over two files, %s',
    async threads => {
      const config = join(programs, 'pool', 'vitest.config.ts')
      const min = '--poolOptions.threads.minThreads=1'
      const ended = await node(vitest, 'run', '--config', config, '--pool=threads', min, threads)
      expect(ended, ended.output).toMatchObject({ code: 0, signal: null })
      expect(ended.output).toMatch(/Tests +2 passed/)
    },
  )
})

describe('a Worker that is terminated', () => {
  it.each(['compress', 'evaluate', 'embed'])(
    'in the middle of %s leaves nothing at work two seconds later',
    async name => {
      const out = join(temporaryFolder(), 'out')
      const ended = await node(join(programs, 'terminated.mjs'), kerf, name, stories, out)
      expect(ended, ended.output).toMatchObject({ code: 0, signal: null })
      // One thread at work takes all of a second, or on a busy machine its share; a process with nothing to do next to nothing.
      expect(Number(ended.output), ended.output).toBeLessThan(0.05)
    },
  )

  it('at any moment leaves a process that goes on, and that may itself end at any moment', async () => {
    const ended = await node(join(programs, 'many.mjs'), kerf, stories)
    expect(ended, ended.output).toMatchObject({ code: 0, signal: null })
    expect(ended.output).toBe('all ended\n')
  })
})
