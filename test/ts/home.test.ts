// `~` in a path that no shell has seen.
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { json, jsonError, kerf } from './support/cli.js'
import { names, temporaryFolder } from './support/folders.js'
import { sample, stories } from './support/models.js'

const home = temporaryFolder()
cpSync(stories, join(home, 'model'), { recursive: true })
cpSync(sample, join(home, 'text.txt'))
const run = (...args: string[]): ReturnType<typeof kerf> =>
  kerf([...args, '--json'], undefined, { HOME: home })

it('is the home folder, for the core and for what TypeScript opens itself', async () => {
  const ended = await run(
    ...['compress', '~/model', '--calibration', '~/text.txt', '--tokens', '512', '--eval-text', '~/text.txt'],
    ...['--out', '~/small', '--work-dir', '~/work', '--report', '~/report.html'],
  )
  expect(ended.code, ended.stdout).toBe(0)
  expect(json(ended)).toMatchObject({ out: join(home, 'small'), reportFile: join(home, 'report.html') })
  expect(names(home)).toEqual(['model', 'report.html', 'small', 'text.txt'])
  expect(readFileSync(join(home, 'report.html'), 'utf8')).toContain('</html>')
  const embedded = await run('embed', '~/small', '--text', '~/text.txt')
  expect(embedded.code, embedded.stdout).toBe(0)
  const converted = await run('convert', '~/small', '--format', 'safetensors', '--out', '~/dense')
  expect(json(converted)['out']).toBe(join(home, 'dense'))
})

it('is the home folder in a configuration, whose other paths are relative to it', async () => {
  const config = join(home, 'elsewhere.config.json')
  writeFileSync(config, `\ufeff${JSON.stringify({ model: '~/model', out: '~/planned', tokens: 512 })}`)
  const planned = await run('plan', '--config', '~/elsewhere.config.json')
  expect(planned.code, planned.stdout).toBe(0)
  const compressed = await run('compress', '--config', config)
  expect(json(compressed)['out']).toBe(join(home, 'planned'))
})

it('is a name where it does not stand alone', async () => {
  const ended = await run('inspect', '~somebody/model')
  expect(jsonError(ended)).toMatchObject({ code: 'NOT_FOUND', details: { path: '~somebody/model' } })
})
