// A model by its id on the hub: found in the cache that Hugging Face's own tools fill, else fetched into it by their own library.
import { embed, inspect, track, type KerfError, type ProgressEvent } from 'kerf'
import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { wanted } from '../../ts/backend/hub/wanted.js'
import { json, jsonError, kerf } from './support/cli.js'
import { kerfError } from './support/errors.js'
import { copyModel, names, temporaryFolder } from './support/folders.js'
import { COMMIT, openHub, type Hub } from './support/hub.js'
import { root, stories } from './support/models.js'

const ID = 'karpathy/stories260K'
/** Every variable that the tools of the hub read. */
const VARIABLES = [
  ...['HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'HF_HOME', 'XDG_CACHE_HOME', 'HF_ENDPOINT', 'HF_TOKEN'],
  ...[
    'HUGGING_FACE_HUB_TOKEN',
    'HF_TOKEN_PATH',
    'HF_HUB_OFFLINE',
    'TRANSFORMERS_OFFLINE',
    'HOME',
    'USERPROFILE',
  ],
]
const environment = Object.fromEntries(VARIABLES.map(name => [name, process.env[name]]))
const folder = temporaryFolder()
let hub: Hub
let home: string
let count = 0

beforeAll(async () => {
  const repository = copyModel(stories, folder, 'repository')
  mkdirSync(join(repository, 'onnx'))
  for (const other of ['pytorch_model.bin', 'onnx/model.onnx', 'training_args.txt']) {
    writeFileSync(join(repository, other), 'for others')
  }
  const pickled = join(folder, 'pickled')
  mkdirSync(pickled)
  for (const file of ['config.json', 'pytorch_model.bin']) writeFileSync(join(pickled, file), '{}')
  hub = await openHub({ [ID]: repository, 'some/pickled': pickled })
})
afterAll(() => hub.close())

beforeEach(() => {
  home = join(folder, `home${(count += 1)}`)
  mkdirSync(home)
  for (const name of VARIABLES) delete process.env[name]
  Object.assign(process.env, { HOME: home, USERPROFILE: home, HF_ENDPOINT: `${hub.url}/` })
  hub.fetched.length = 0
  hub.token = undefined
  hub.treat('well')
})
afterEach(() => {
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
})

/** What `kerf ...` prints when it runs in a folder. */
async function kerfIn(cwd: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  const program = join(root, 'dist', 'cli.js')
  return (
    await promisify(execFile)(process.execPath, [program, ...args], { cwd, env: { ...process.env, ...env } })
  ).stdout
}

/** A cache as `hf download` leaves it: blobs, links to them, and what `main` is. */
function fillCache(cache: string, id = ID, files = names(stories)): string {
  const repository = join(cache, `models--${id.replaceAll('/', '--')}`)
  const snapshot = join(repository, 'snapshots', COMMIT)
  mkdirSync(snapshot, { recursive: true })
  mkdirSync(join(repository, 'refs'))
  writeFileSync(join(repository, 'refs', 'main'), COMMIT)
  for (const file of files) symlinkSync(join(stories, file), join(snapshot, file))
  return snapshot
}

describe('a model in the cache', () => {
  it.each([
    ['HF_HUB_CACHE', () => ({ HF_HUB_CACHE: join(home, 'a') }), () => join(home, 'a')],
    ['HF_HOME', () => ({ HF_HOME: join(home, 'b') }), () => join(home, 'b', 'hub')],
    [
      'XDG_CACHE_HOME',
      () => ({ XDG_CACHE_HOME: join(home, 'c') }),
      () => join(home, 'c', 'huggingface', 'hub'),
    ],
    ['none of them', () => ({}), () => join(home, '.cache', 'huggingface', 'hub')],
    ['HF_HUB_CACHE with ~', () => ({ HF_HUB_CACHE: '~/d' }), () => join(home, 'd')],
  ])('is found by its id, with %s set', async (_, set, cache) => {
    Object.assign(process.env, set())
    fillCache(cache())
    const before = hub.asked()
    expect((await inspect(ID)).parameters).toBe(260032)
    expect(hub.asked()).toBe(before)
  })

  it('is found by an old id without an owner, and no such name is ever asked for', async () => {
    fillCache(join(home, '.cache', 'huggingface', 'hub'), 'stories')
    expect((await inspect('stories')).parameters).toBe(260032)
    const before = hub.asked()
    expect((await kerfError(inspect('storys'))).code).toBe('NOT_FOUND')
    expect(hub.asked()).toBe(before)
  })

  it('gives way to a folder of that path', async () => {
    process.env['HF_HUB_CACHE'] = join(home, 'cache')
    fillCache(join(home, 'cache'), 'test/fixtures')
    // This repository has a folder of that name, and it is no model.
    const error = await kerfError(inspect(join('test', 'fixtures')))
    expect(error.code).toBe('NOT_A_MODEL')
  })

  it('is compressed into the working folder, never into the cache', async () => {
    process.env['HF_HUB_CACHE'] = join(home, 'cache')
    const snapshot = fillCache(join(home, 'cache'))
    const before = names(join(snapshot, '..'))
    const args = ['compress', ID, '--method', 'rtn', '--json']
    const env = { HF_HUB_CACHE: join(home, 'cache'), HF_HUB_OFFLINE: '1' }
    const report = JSON.parse(await kerfIn(home, args, env)) as { out: string }
    expect(report.out).toBe(join(home, 'stories260K-kerf'))
    expect(existsSync(join(home, 'stories260K-kerf', 'config.json'))).toBe(true)
    expect(names(join(snapshot, '..'))).toEqual(before)
  })

  it('that lacks its weights is an error that says so, where nothing may be fetched', async () => {
    Object.assign(process.env, { HF_HUB_CACHE: join(home, 'cache'), HF_HUB_OFFLINE: '1' })
    fillCache(join(home, 'cache'), ID, ['config.json', 'tokenizer.json'])
    const error = await kerfError(inspect(ID))
    expect(error.code).toBe('NOT_FOUND')
    expect(error.message).toContain(`${join(home, 'cache')} has it without weights, and it cannot`)
  })
})

describe('a model of the hub', () => {
  it('is fetched once: the files that kerf reads, into the cache, with progress', async () => {
    const events: ProgressEvent[] = []
    const [vector] = await embed(ID, ['Once upon a time'], { onProgress: event => void events.push(event) })
    expect(vector).toHaveLength(64)
    const repository = join(home, '.cache', 'huggingface', 'hub', 'models--karpathy--stories260K')
    expect(readFileSync(join(repository, 'refs', 'main'), 'utf8')).toBe(COMMIT)
    const got = names(join(repository, 'snapshots', COMMIT))
    expect(got).toEqual(expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json']))
    for (const other of ['pytorch_model.bin', 'onnx', 'training_args.txt']) expect(got).not.toContain(other)
    expect(readlinkSync(join(repository, 'snapshots', COMMIT, 'model.safetensors'))).toMatch(/blobs/)
    const bytes = events.filter(({ stage }) => stage === 'download')
    expect(bytes.at(-1)).toMatchObject({ unit: 'bytes', done: bytes.at(-1)?.total })
    expect(bytes.at(-1)?.total).toBeGreaterThan(1e6)
    expect(bytes.every(({ done }, at) => done >= (bytes[at - 1]?.done ?? 0))).toBe(true)
    // The download is a part of the call, and the share of the whole never falls.
    expect(bytes.at(-1)?.overall).toBeLessThan(0.9)
    expect(events.every(({ overall }, at) => overall >= (events[at - 1]?.overall ?? 0))).toBe(true)
    expect(events.at(-1)).toMatchObject({ stage: 'embed', overall: 1 })
    const before = hub.asked()
    await inspect(ID)
    expect(hub.asked()).toBe(before)
  })

  it('completes what another program fetched in part', async () => {
    process.env['HF_HUB_CACHE'] = join(home, 'cache')
    fillCache(join(home, 'cache'), ID, ['config.json', 'tokenizer.json'])
    expect((await inspect(ID)).parameters).toBe(260032)
    expect(hub.fetched).toContain('model.safetensors')
    expect(hub.fetched).not.toContain('tokenizer.json')
  })

  it('prints nothing but the result with --json', async () => {
    const env = { HF_ENDPOINT: hub.url, HF_HOME: home }
    const ended = await kerf(['inspect', ID, '--json'], undefined, env)
    expect(json(ended)).toMatchObject({ parameters: 260032 })
    expect(ended.stderr).toBe('')
  })

  it('is fetched with the token of HF_TOKEN, or of the file that the tools keep', async () => {
    hub.token = 'hf_secret'
    const error = await kerfError(inspect(ID))
    expect(error.code).toBe('NOT_FOUND')
    expect(error.message).toMatch(/HTTP 401.*HF_TOKEN.*hf auth login/)
    process.env['HF_TOKEN'] = 'hf_secret'
    await inspect(ID)
    rmSync(join(home, '.cache'), { recursive: true })
    delete process.env['HF_TOKEN']
    mkdirSync(join(home, '.cache', 'huggingface'), { recursive: true })
    writeFileSync(join(home, '.cache', 'huggingface', 'token'), 'hf_secret\n')
    expect((await inspect(ID)).parameters).toBe(260032)
  })

  it('that was cut off is no model in the cache, and the same call goes on', async () => {
    hub.treat('cut')
    const error = await kerfError(inspect(ID))
    expect(error.code).toBe('DOWNLOAD_FAILED')
    expect(error.message).toMatch(/model\.safetensors has \d+ of \d+ bytes/)
    hub.treat('well')
    hub.fetched.length = 0
    expect((await inspect(ID)).parameters).toBe(260032)
    expect(hub.fetched).toEqual(['model.safetensors'])
  })

  it('is given up when the call is aborted', async () => {
    hub.treat('slow')
    const job = track(run => inspect(ID, run))
    for await (const { stage, name } of job) if (stage === 'download' && name === 'model.safetensors') break
    const error = await kerfError(job.result)
    expect(error.code).toBe('CANCELLED')
    expect(error.cause).toBeInstanceOf(Error)
    hub.treat('well')
    expect((await inspect(ID)).parameters).toBe(260032)
  })

  it('without a form that kerf reads is refused before anything large is fetched', async () => {
    const error = await kerfError(inspect('some/pickled'))
    expect(error.code).toBe('NOT_A_MODEL')
    expect(error.message).toMatch(/no safetensors file .*pytorch_model\.bin/)
    expect(hub.fetched).toEqual([])
  })

  it('may be the model of a configuration, where no folder beside it has that path', async () => {
    const place = join(home, 'project')
    mkdirSync(place)
    writeFileSync(join(place, 'kerf.config.json'), JSON.stringify({ model: ID, method: 'rtn' }))
    const plan = await kerfIn(place, ['plan', '--json'], { HF_ENDPOINT: hub.url, HF_HOME: home })
    expect(JSON.parse(plan)).toHaveProperty('tensors')
  })
})

describe('a model that is nowhere', () => {
  const said = (error: KerfError): void => {
    expect(error.code).toBe('NOT_FOUND')
    expect(error.message).toMatch(
      /^nobody\/nothing is no folder here, the hub cache .*hub does not have it, and it cannot be downloaded: /,
    )
  }

  it('says where it was looked for and why it was not fetched', async () => {
    said(await kerfError(inspect('nobody/nothing')))
    process.env['HF_HUB_OFFLINE'] = '1'
    const before = hub.asked()
    const offline = await kerfError(inspect('nobody/nothing'))
    said(offline)
    expect(offline.message).toMatch(/HF_HUB_OFFLINE is set$/)
    expect(hub.asked()).toBe(before)
    delete process.env['HF_HUB_OFFLINE']
    process.env['HF_ENDPOINT'] = 'http://127.0.0.1:9'
    const away = await kerfError(inspect('nobody/nothing'))
    said(away)
    expect(away.details['reason']).not.toBe('')
  })

  it('fails alike on the command line, for both models of a comparison too', async () => {
    const env = { HF_HUB_OFFLINE: '1', HF_HOME: home }
    const ended = await kerf(
      ['compare', stories, 'nobody/nothing', '--text', 'README.md', '--json'],
      undefined,
      env,
    )
    expect(ended.code).toBe(1)
    expect(jsonError(ended)).toMatchObject({ code: 'NOT_FOUND', details: { path: 'nobody/nothing' } })
  })

  it.each(['./nobody/nothing', '/nobody/nothing', 'a/b/c', 'a/b.safetensors', '../b', 'a--b/c', '~/a'])(
    'is a path, and nothing is asked for, where it is written as %s',
    async path => {
      const before = hub.asked()
      const error = await kerfError(inspect(path))
      expect(error.code).toBe('NOT_FOUND')
      expect(error.message).not.toMatch(/hub/)
      expect(hub.asked()).toBe(before)
    },
  )
})

describe('the files that kerf reads of a repository', () => {
  const read = (files: Record<string, unknown>) => (file: string) => Promise.resolve(files[file])

  it('are the shards of the index, and none beside it', async () => {
    const index = {
      weight_map: { a: 'model-1.safetensors', b: 'model-2.safetensors', c: 'model-1.safetensors' },
    }
    const list = [
      'model.safetensors.index.json',
      'model-1.safetensors',
      'consolidated.safetensors',
      'config.json',
    ]
    expect(await wanted(list, read({ 'model.safetensors.index.json': index }))).toEqual({
      files: ['config.json', 'model.safetensors.index.json', 'model-1.safetensors'],
      missing: ['model-2.safetensors'],
      hasWeights: true,
    })
  })

  it('are those of the modules of a sentence model, in the form that kerf reads', async () => {
    const list = [
      ...['config.json', 'model.safetensors', 'modules.json', '1_Pooling/config.json', 'openvino/model.xml'],
      ...[
        '2_Dense/config.json',
        '2_Dense/model.safetensors',
        '2_Dense/pytorch_model.bin',
        'data_config.json',
      ],
    ]
    const modules = [{ path: '' }, { path: '1_Pooling' }, { path: '2_Dense' }, { path: '3_Normalize' }]
    const { files } = await wanted(list, read({ 'modules.json': modules }))
    expect(files.sort()).toEqual(list.filter(file => !/openvino|bin$|data_config/.test(file)).sort())
  })

  it('are one file of several that hold the same weights', async () => {
    const list = ['model.safetensors', 'model.fp16.safetensors', 'model-q4.gguf', 'tokenizer.model']
    const { files } = await wanted(list, read({}))
    expect(files).toEqual(['tokenizer.model', 'model.safetensors'])
  })
})
