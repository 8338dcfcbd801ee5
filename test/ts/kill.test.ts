// Killed at random moments and started again until it is done, a run gives the bytes of one that was left alone.
import { spawnSync } from 'node:child_process'
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
    let ended
    let kills = 0
    do {
      // The first comes before the end for sure; after that a run may be over sooner than its moment.
      const moment = Math.random() * wholeMs * (moments.length === 0 ? 0.6 : 0.9)
      const isLast = moments.length >= KILLS
      moments.push(moment)
      ended = await killedAfter(run('killed'), isLast ? undefined : moment)
      if (ended.signal === 'SIGKILL') {
        kills += 1
        expect(names(folder)).not.toContain('killed')
      }
    } while (ended.signal === 'SIGKILL')

    expect(kills).toBeGreaterThan(0)
    const where = `killed after ${moments.map(Math.round).join(', ')} of ${Math.round(wholeMs)} ms`
    expect(ended.code, `${where}: ${ended.stdout}`).toBe(0)
    expect(digest(join(folder, 'killed')), where).toEqual(digest(join(folder, 'straight')))
    expect(names(folder), where).toEqual(['killed', 'straight'])
    console.log(`${kills} kills, ${where}, ${json(ended)['resumedUnits']} units taken over`)
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
    const killed = spawnSync(process.execPath, [script], { encoding: 'utf8' })
    expect(killed.signal, killed.stderr).toBe('SIGKILL')
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
