// A full disk: the error says so, nothing half-written has the final name, and the same command goes on from there.
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from './support/folders.js'
import { root, stories } from './support/models.js'

/** A mount namespace of our own, as root or as a user who may have one. */
const namespace = [
  ['unshare', '-m'],
  ['unshare', '-Urm'],
].find(
  ([program = '', flag = '']) =>
    spawnSync(program, [flag, 'sh', '-c', 'mount -t tmpfs -o size=64k none /tmp'], { stdio: 'ignore' })
      .status === 0,
)

const script = `
  set -u
  mount -t tmpfs -o size=112k none "$1"
  compress() { "$NODE" "$CLI" compress "$MODEL" --out "$1/small" --tokens 1024 --work-dir "$2" --json; }
  compress "$1" "$2" > "$2.first.json"; echo $? > "$2.first.code"
  ls -A "$1" > "$2.left"
  mount -o remount,size=50m "$1"
  compress "$1" "$2" > "$2.second.json"; echo $? > "$2.second.code"
  ls -A "$1" > "$2.right"
`

describe.skipIf(!namespace)('a full disk (skipped where no small file system can be mounted)', () => {
  it('loses nothing', async () => {
    const folder = temporaryFolder()
    const disk = join(folder, 'disk')
    const work = join(folder, 'work')
    mkdirSync(disk)
    const [program = '', flag = ''] = namespace ?? []
    const env = { ...process.env, NODE: process.execPath, CLI: `${root}dist/cli.js`, MODEL: stories }
    const stderr = await new Promise<string>(resolve => {
      execFile(program, [flag, 'sh', '-c', script, 'sh', disk, work], { env }, (_, __, text) => resolve(text))
    })
    expect(stderr).not.toContain('mount:')
    const read = (suffix: string): string => readFileSync(`${work}.${suffix}`, 'utf8').trim()
    const first = JSON.parse(read('first.json')) as { error: { code: string; message: string } }
    expect(first.error.code).toBe('DISK_FULL')
    expect(first.error.message).toContain('no space left')
    expect(read('first.code')).toBe('1')
    expect(read('left').split('\n')).not.toContain('small')
    const second = JSON.parse(read('second.json')) as { resumedUnits: number; outputBytes: number }
    expect(read('second.code')).toBe('0')
    expect(second.resumedUnits).toBeGreaterThan(0)
    expect(second.outputBytes).toBeGreaterThan(112 * 1024)
    expect(read('right')).toBe('small')
  })
})
