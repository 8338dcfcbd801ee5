// Killed at random moments and started again until it is done, a run gives the bytes of one that was left alone.
import { spawn, type ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { json, kerf } from './support/cli.js'
import { digest, names, temporaryFolder } from './support/folders.js'
import { root, stories } from './support/models.js'

const options = ['--isa', 'portable', '--tokens', '8192', '--threads', '1', '--json']
const KILLS = 6

describe('kill -9', () => {
  it('at random moments loses nothing and changes nothing', async () => {
    const folder = temporaryFolder()
    const run = (name: string): string[] => ['compress', stories, '--out', join(folder, name), ...options]
    const started = performance.now()
    const straight = await kerf(run('straight'))
    const wholeMs = performance.now() - started
    expect(straight.code).toBe(0)

    const moments: number[] = []
    let last
    let kills = 0
    do {
      // Each run has less left to do than the one before, so every second moment is an early one.
      const moment = Math.random() * wholeMs * (moments.length % 2 === 0 ? 0.4 : 0.9)
      const isLast = moments.length >= KILLS
      moments.push(moment)
      last = await killedAfter(run('killed'), isLast ? undefined : moment)
      if (last.signal === 'SIGKILL') {
        kills += 1
        expect(names(folder)).not.toContain('killed')
      }
    } while (last.signal === 'SIGKILL')

    expect(kills).toBeGreaterThan(0)
    const where = `killed after ${moments.map(Math.round).join(', ')} of ${Math.round(wholeMs)} ms`
    expect(last.code, `${where}: ${last.stdout}`).toBe(0)
    expect(digest(join(folder, 'killed')), where).toEqual(digest(join(folder, 'straight')))
    expect(names(folder), where).toEqual(['killed', 'straight'])
    console.log(`${kills} kills, ${where}, ${json(last)['resumedUnits']} units taken over`)
  })

  it('in the middle of the work, the next run takes over what was done', async () => {
    const folder = temporaryFolder()
    const script = join(folder, 'killed.mjs')
    const out = join(folder, 'out')
    writeFileSync(
      script,
      `import { compress } from ${JSON.stringify(`${root}dist/index.js`)}
       await compress(${JSON.stringify(stories)}, {
         ...{ isa: 'portable', tokens: 8192, threads: 1, out: ${JSON.stringify(out)} },
         onProgress: ({ stage, done }) => stage === 'solve' && done > 14 && process.kill(process.pid, 'SIGKILL'),
       })`,
    )
    const killed = await ended(spawn(process.execPath, [script], { stdio: ['ignore', 'ignore', 'inherit'] }))
    expect(killed).toBe('SIGKILL')
    expect(names(folder)).not.toContain('out')
    const next = await kerf(['compress', stories, '--out', out, ...options])
    expect(next.code, next.stdout).toBe(0)
    expect(json(next)['resumedUnits']).toBeGreaterThan(0)
    expect(names(folder)).toEqual(['killed.mjs', 'out'])
  })
})

function killedAfter(args: string[], ms: number | undefined): ReturnType<typeof kerf> {
  return kerf(
    args,
    () => undefined,
    {},
    child => {
      if (ms !== undefined) setTimeout(() => child.kill('SIGKILL'), ms).unref()
    },
  )
}

/** The signal that ended a process, if one did. */
function ended(child: ChildProcess): Promise<NodeJS.Signals | null> {
  return new Promise(resolve => child.on('close', (_, signal) => resolve(signal)))
}
