// The worker of examples/electron in a forked Node process: the same files, with Node's channel in place of Electron's.
import { fork, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { STAGE_LABELS, type CompressReport, type PlanReport, type ProgressEvent } from 'kerf'
import { PRESETS } from '../../ts/generated/index.js'
import { names, temporaryFolder } from './support/folders.js'
import { root, stories } from './support/models.js'
import { runNode } from './support/node.js'
import { installedExample } from './support/packed.js'

const example = await installedExample('electron')

interface Call<R> {
  done: Promise<R>
  cancel: () => void
}
interface Engine {
  start: <R>(call: string, args: unknown[], onProgress?: (event: ProgressEvent) => void) => Call<R>
  close: () => void
}
interface Worker {
  post: (message: unknown) => void
  onMessage: (hear: (message: unknown) => void) => void
  onExit: (hear: (reason: string) => void) => void
  kill: () => void
}
interface Failure extends Error {
  code: string
  details: Record<string, unknown>
}

const load = async (file: string): Promise<Record<string, unknown>> =>
  (await import(pathToFileURL(join(example, file)).href)) as Record<string, unknown>
const { createEngine } = (await load('engine.js')) as { createEngine: (launch: () => Worker) => Engine }

const children: ChildProcess[] = []
afterEach(() => children.splice(0).forEach(child => child.kill('SIGKILL')))

/** What main.js does with utilityProcess.fork. */
function launch(): Worker {
  const child = fork(join(example, 'worker.js'))
  children.push(child)
  return {
    post: message => void child.send(message as object),
    onMessage: hear => void child.on('message', hear),
    onExit: hear => void child.on('exit', (code, signal) => hear(signal ?? `exit code ${code}`)),
    kill: () => void child.kill('SIGKILL'),
  }
}

/** Slow on purpose: there must be time to cancel. */
const slow = { isa: 'portable', tokens: 8192, threads: 1, sparsity: 0.5 } as const

async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  return promise.then(
    value => {
      throw new Error(`expected an error, got ${JSON.stringify(value).slice(0, 200)}`)
    },
    (error: unknown) => error as Failure,
  )
}

describe('the worker of the Electron example', () => {
  it('plans and compresses with progress', async () => {
    const engine = createEngine(launch)
    const out = join(temporaryFolder(), 'out')
    const options = { out, tokens: 1024, sparsity: 0.5 }
    const plan = await engine.start<PlanReport>('plan', [stories, options]).done
    expect(plan.outputBytes).toBeLessThan(plan.inputBytes)
    const events: ProgressEvent[] = []
    const report = await engine.start<CompressReport>('compress', [stories, options], event =>
      events.push(event),
    ).done
    expect(report.out).toBe(out)
    expect(report.sparsity).toBeCloseTo(0.5, 2)
    expect(names(out)).toContain('config.json')
    const stages = new Set(events.map(event => event.stage))
    for (const stage of ['statistics', 'solve', 'forward', 'write'] as const) expect(stages).toContain(stage)
    const last = events.at(-1)
    expect(last).toMatchObject({ stage: 'write', overall: 1 })
    expect(last?.done).toBe(last?.total)
  })

  it('stops on cancel and goes on from there', async () => {
    const engine = createEngine(launch)
    const folder = temporaryFolder()
    const args = [stories, { ...slow, out: join(folder, 'out') }]
    const call: Call<CompressReport> = engine.start('compress', args, ({ stage, done }) => {
      if (stage === 'solve' && done > 10) call.cancel()
    })
    const error = await failureOf(call.done)
    expect(error).toMatchObject({ name: 'EngineError', code: 'CANCELLED' })
    expect(names(folder)).not.toContain('out')
    const report = await engine.start<CompressReport>('compress', args).done
    expect(report.resumedUnits).toBeGreaterThan(0)
    expect(names(folder)).toEqual(['out'])
  })

  it('that is killed ends its calls with a clear error, and the next call starts another, which goes on', async () => {
    const engine = createEngine(launch)
    const folder = temporaryFolder()
    const args = [stories, { ...slow, out: join(folder, 'out') }]
    const call = engine.start('compress', args, ({ stage, done }) => {
      if (stage === 'solve' && done > 14) engine.close()
    })
    const error = await failureOf(call.done)
    expect(error.code).toBe('WORKER_ENDED')
    expect(error.message).toMatch(/SIGKILL.*kept: start again/)
    expect(names(folder)).not.toContain('out')
    const report = await engine.start<CompressReport>('compress', args).done
    expect(report.resumedUnits).toBeGreaterThan(0)
    expect(children).toHaveLength(2)
  })

  it('hands over errors with code, message and details', async () => {
    const engine = createEngine(launch)
    const missing = await failureOf(engine.start('inspect', [join(example, 'nothing')]).done)
    expect(missing.code).toBe('NOT_FOUND')
    expect(missing.message).toContain('nothing')
    expect(missing.details).not.toEqual({})
    const bad = await failureOf(engine.start('plan', [stories, { bits: 9 }]).done)
    expect(bad).toMatchObject({ code: 'BAD_OPTION', details: { option: 'bits', actual: '9' } })
    expect(JSON.parse(JSON.stringify(bad))).toEqual({
      code: bad.code,
      message: bad.message,
      details: bad.details,
    })
  })

  it('works on several calls at once', async () => {
    const engine = createEngine(launch)
    const calls = [1, 2, 3].map(() => engine.start<{ parameters: number }>('inspect', [stories]).done)
    for (const { parameters } of await Promise.all(calls)) expect(parameters).toBe(260032)
    expect(children).toHaveLength(1)
  })

  it.each([
    [{ id: 1, call: 'erase', args: [] }, 'call must be one of compress, inspect, plan, not "erase"'],
    [{ id: 1, call: 'constructor', args: [] }, 'call must be'],
    [{ id: 'one', call: 'plan', args: [] }, 'id must be a whole number, not "one"'],
    [{ id: 1, call: 'plan' }, 'args must be a list, not undefined'],
    ['hello', 'id must be a whole number'],
  ])('refuses the message %j and lives on', async (message, sentence) => {
    const worker = launch()
    const answers: { id: unknown; error?: Failure; result?: { parameters: number } }[] = []
    const next = (count: number): Promise<void> =>
      new Promise(resolve =>
        worker.onMessage(answer => {
          if (answers.push(answer as (typeof answers)[number]) >= count) resolve()
        }),
      )
    const two = next(2)
    worker.post(message)
    worker.post({ id: 99, cancel: true })
    worker.post({ id: 2, call: 'inspect', args: [stories] })
    await two
    const refused = answers.find(answer => answer.error)
    expect(refused?.error?.code).toBe('BAD_REQUEST')
    expect(refused?.error?.message).toContain(sentence)
    expect(answers.find(answer => answer.id === 2)?.result?.parameters).toBe(260032)
  })
})

describe('the rest of the Electron example', () => {
  it('takes from its window nothing that its controls cannot produce', async () => {
    const { toOptions } = (await load('settings.js')) as {
      toOptions: (model: string, settings: unknown, text: string | undefined) => object
    }
    const model = join('models', 'a')
    const good = { size: 'advised', memory: 'none', calibration: 'builtin' }
    expect(toOptions(model, good, undefined)).toEqual({ out: join('models', 'a-kerf') })
    const chosen = { size: 'compact', memory: '2GiB', calibration: 'file' }
    expect(toOptions(model, chosen, '/texts/mine.txt')).toEqual({
      preset: 'compact',
      calibration: '/texts/mine.txt',
      maxMemory: '2GiB',
      out: join('models', 'a-kerf-compact'),
    })
    for (const bad of [{ size: 'huge' }, { size: 3 }, { memory: '1TB' }, { calibration: '/etc/passwd' }]) {
      expect(() => toOptions('a', { ...good, ...bad }, undefined)).toThrow(Object.keys(bad)[0])
    }
    expect(() => toOptions('a', chosen, undefined)).toThrow('choose a text file first')
    expect(() => toOptions('a', undefined, undefined)).toThrow('size')
  })

  it('offers every preset, and first what kerf advises, which the window sends if nothing is changed', async () => {
    const { sizes } = (await load('settings.js')) as { sizes: () => { id: string; about: string }[] }
    expect(sizes().map(({ id }) => id)).toEqual(['advised', ...PRESETS])
    for (const { about } of sizes()) expect(about).toMatch(/\w/)
  })

  it('has a label for every stage, and the worker sends it', async () => {
    const types = readFileSync(join(root, 'ts', 'generated', 'index.ts'), 'utf8')
    const union = /^export type Stage = (.*)$/m.exec(types)?.[1] ?? ''
    const stages = [...union.matchAll(/'(\w+)'/g)].map(([, stage]) => stage ?? '')
    expect(stages.length).toBeGreaterThan(8)
    const labels = STAGE_LABELS as Record<string, string>
    for (const stage of stages) expect(labels[stage], stage).toMatch(/^[A-Z][a-z]+/)
    const told: (ProgressEvent & { label?: string })[] = []
    const options = { out: join(temporaryFolder(), 'out'), tokens: 512 }
    await createEngine(launch).start('compress', [stories, options], event => told.push(event)).done
    for (const { stage, label } of told) expect(label, stage).toBe(labels[stage])
  })

  it('tells the time left from what was done since the run began', async () => {
    const { createPace, bytes, duration } = (await load(join('renderer', 'progress.js'))) as {
      createPace: (now: () => number) => { take: (share: number) => { share: number; left?: number } }
      bytes: (count: number) => string
      duration: (seconds: number) => string
    }
    let now = 0
    const pace = createPace(() => now)
    // A resumed run: 40 of 100 were there at once and say nothing about the speed.
    expect(pace.take(0.4)).toMatchObject({ share: 0.4, left: undefined })
    now = 10_000
    expect(pace.take(0.6).left).toBeCloseTo(20)
    expect(pace.take(1)).toEqual({ share: 1, left: 0 })
    expect([bytes(999), bytes(1_060_000), bytes(91_600_000)]).toEqual(['999 B', '1.06 MB', '91.6 MB'])
    expect([duration(2), duration(61), duration(7200)]).toEqual(['2 s', '2 min', '2 h 0 min'])
  })

  it('has a page with every element that its script names, and a label for every control', () => {
    const page = readFileSync(join(example, 'renderer', 'index.html'), 'utf8')
    const script = readFileSync(join(example, 'renderer', 'window.js'), 'utf8')
    const ids = new Set([...page.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id))
    const used = [...script.matchAll(/(?:part|list)\('([^']+)'/g)].map(([, id]) => id)
    expect(used.length).toBeGreaterThan(15)
    for (const id of used) expect(ids, id).toContain(id)
    for (const [, id] of page.matchAll(/<(?:input|select) id="([^"]+)"/g))
      expect(page).toContain(`for="${id}"`)
    for (const [, id] of page.matchAll(/aria-labelledby="([^"]+)"/g)) expect(ids, id).toContain(id)
  })

  it('exposes in its preload script what its window uses and its main process answers', () => {
    const [main, preload, script] = ['main.js', 'preload.js', join('renderer', 'window.js')].map(file =>
      readFileSync(join(example, file), 'utf8'),
    )
    const all = (text: string | undefined, pattern: RegExp): Set<string | undefined> =>
      new Set([...(text ?? '').matchAll(pattern)].map(([, name]) => name))
    expect(all(script, /kerf\.(\w+)\(/g)).toEqual(all(preload, /^ {2}(\w+):/gm))
    expect(all(preload, /invoke\('([\w-]+)'/g)).toEqual(all(main, /^handle\('([\w-]+)'/gm))
  })

  it('has no syntax errors in what only Electron can run', async () => {
    const files = readdirSync(example).filter(file => file.endsWith('.js'))
    expect(files).toEqual(expect.arrayContaining(['main.js', 'preload.js']))
    for (const file of [...files, join('renderer', 'window.js')]) {
      expect(await runNode(example, ['--check', file]), file).toBe('')
    }
  })
})
