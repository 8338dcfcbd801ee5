// Progress as an async iterable: events arrive, the result comes, leaving the loop cancels.
import { compress, inspect, track, type ProgressEvent } from 'kerf'
import { describe, expect, it } from 'vitest'
import { kerfError } from './support/errors.js'
import { names, temporaryFolder } from './support/folders.js'
import { quick, stories } from './support/models.js'

const folder = temporaryFolder()

describe('tracked work', () => {
  it('tells its stages in order and ends with the work', async () => {
    const job = track(run => compress(stories, { ...quick, out: `${folder}/told`, ...run }))
    const events: ProgressEvent[] = []
    for await (const event of job) events.push(event)
    const report = await job.result
    expect(report.layers).toHaveLength(35)
    expect(events.at(-1)).toMatchObject({ stage: 'write' })
    for (const stage of ['plan', 'statistics', 'solve', 'write']) {
      const done = events.filter(event => event.stage === stage).map(event => event.done)
      expect(done.length, stage).toBeGreaterThan(0)
      expect(done, stage).toEqual([...done].sort((a, b) => a - b))
    }
  })

  it('gives a slow loop the latest event of each stage', async () => {
    const job = track(run => compress(stories, { ...quick, out: `${folder}/slow`, ...run }))
    const events: ProgressEvent[] = []
    for await (const event of job) {
      events.push(event)
      if (events.length === 1) await job.result
    }
    const stages = events.slice(1).map(event => event.stage)
    expect(stages).toEqual([...new Set(stages)])
    const write = events.find(event => event.stage === 'write')
    expect(write?.done).toBe(write?.total)
  })

  it('is cancelled when the loop is left, and goes on later', async () => {
    const options = { ...quick, out: `${folder}/left`, workDir: `${folder}/work` }
    const job = track(run => compress(stories, { ...options, ...run }))
    for await (const event of job) if (event.stage === 'solve' && event.done > 3) break
    expect((await kerfError(job.result)).code).toBe('CANCELLED')
    expect(names(folder)).not.toContain('left')
    expect((await compress(stories, options)).resumedUnits).toBeGreaterThan(2)
  })

  it('throws out of the loop what the work throws', async () => {
    const job = track(run => inspect(`${folder}/nowhere`, run))
    const loop = async (): Promise<void> => {
      for await (const event of job) expect(event).toBeDefined()
    }
    expect((await kerfError(loop())).code).toBe('NOT_FOUND')
  })

  it('needs no loop', async () => {
    expect((await track(run => inspect(stories, run)).result).architecture).toBe('llama')
  })
})
