// The pool of files of a page, over slots in memory: what it keeps when it is cut off at any moment.
import { describe, expect, it } from 'vitest'
import type { Access } from '../../../ts/backend/browser/worker/access.js'
import { Pool, type SlotFolder } from '../../../ts/backend/browser/worker/pool.js'

/** Files in memory, which outlive the pools that open them. */
class Disk implements SlotFolder {
  readonly files = new Map<string, Uint8Array>()
  /** Bytes that may still be written. */
  room = Infinity

  names(): Promise<string[]> {
    return Promise.resolve([...this.files.keys()])
  }

  open(name: string): Promise<Access> {
    if (!this.files.has(name)) this.files.set(name, new Uint8Array())
    const get = (): Uint8Array => this.files.get(name) ?? new Uint8Array()
    return Promise.resolve({
      read(into, { at }) {
        const part = get().subarray(at, at + into.length)
        into.set(part)
        return part.length
      },
      write: (bytes, { at }) => {
        const count = Math.min(bytes.length, this.room)
        this.room -= count
        const grown = new Uint8Array(Math.max(get().length, at + count))
        grown.set(get())
        grown.set(bytes.subarray(0, count), at)
        this.files.set(name, grown)
        return count
      },
      truncate: size => {
        const cut = new Uint8Array(size)
        cut.set(get().subarray(0, size))
        this.files.set(name, cut)
      },
      getSize: () => get().length,
      flush: () => undefined,
      close: () => undefined,
    })
  }

  copy(): Disk {
    const copy = new Disk()
    for (const [name, bytes] of this.files) copy.files.set(name, bytes.slice())
    return copy
  }
}

function put(pool: Pool, path: string, text: string): void {
  pool.create(path)
  pool.write(path, 0, new TextEncoder().encode(text))
}

function get(pool: Pool, path: string): string {
  const bytes = new Uint8Array(pool.size(path))
  pool.read(path, 0, bytes)
  return new TextDecoder().decode(bytes)
}

const all = (pool: Pool): Record<string, string> =>
  Object.fromEntries(pool.list('').map(path => [path, get(pool, path)]))

async function fresh(spare = 8): Promise<{ disk: Disk; pool: Pool }> {
  const disk = new Disk()
  const pool = await Pool.open(disk)
  await pool.grow(spare)
  return { disk, pool }
}

describe('a pool', () => {
  it('keeps files under their paths', async () => {
    const { disk, pool } = await fresh()
    put(pool, 'small/model.kerf', 'weights')
    put(pool, 'small/1_Pooling/config.json', '{}')
    put(pool, 'smaller', 'no part of small')
    expect(pool.list('small')).toEqual(['1_Pooling/config.json', 'model.kerf'])
    expect(pool.size('small')).toBe(-1)
    pool.close()
    expect(all(await Pool.open(disk))).toEqual({
      'small/model.kerf': 'weights',
      'small/1_Pooling/config.json': '{}',
      smaller: 'no part of small',
    })
  })

  it('renames a folder over another at once', async () => {
    const { disk, pool } = await fresh()
    put(pool, '.out/a', 'new a')
    put(pool, '.out/deep/b', 'new b')
    put(pool, 'out/a', 'old a')
    put(pool, 'out/c', 'old c')
    pool.rename('.out', 'out')
    const expected = { 'out/a': 'new a', 'out/deep/b': 'new b' }
    expect(all(pool)).toEqual(expected)
    expect(all(await Pool.open(disk))).toEqual(expected)
    expect(() => pool.rename('.out', 'out')).toThrow(expect.objectContaining({ name: 'NotFoundError' }))
  })

  it('empties an existing file when it is created again, and what was removed', async () => {
    const { disk, pool } = await fresh()
    put(pool, 'a', 'long text')
    put(pool, 'a', 'x')
    expect(get(pool, 'a')).toBe('x')
    pool.remove('a')
    pool.remove('a')
    const slots = [...disk.files].filter(([name]) => /^\d+$/.test(name))
    expect(slots.every(([, bytes]) => bytes.length === 0)).toBe(true)
    expect(() => pool.read('a', 0, new Uint8Array(1))).toThrow(
      expect.objectContaining({ name: 'NotFoundError' }),
    )
  })

  it('makes no more files in one step than it has slots, and more after it has grown', async () => {
    const { pool } = await fresh(2)
    put(pool, 'a', '1')
    put(pool, 'b', '2')
    expect(() => pool.create('c')).toThrow(/more than 128 new files in one step/)
    await pool.grow(1)
    put(pool, 'c', '3')
    pool.remove('a')
    put(pool, 'd', '4')
    expect(all(pool)).toEqual({ b: '2', c: '3', d: '4' })
  })

  it('says that the disk is full, and loses nothing by it', async () => {
    const { disk, pool } = await fresh()
    put(pool, 'a', 'kept')
    disk.room = 3
    expect(() => put(pool, 'b', 'too much')).toThrow(expect.objectContaining({ name: 'QuotaExceededError' }))
    disk.room = Infinity
    put(pool, 'c', 'again')
    expect(all(await Pool.open(disk))).toMatchObject({ a: 'kept', c: 'again' })
  })
})

describe('a pool that was cut off', () => {
  /** States after each change, and the log as it was at the end. */
  async function history(): Promise<{ disk: Disk; states: Record<string, string>[]; log: string }> {
    const { disk, pool } = await fresh(16)
    const states = [all(pool)]
    const changes: (() => void)[] = [
      () => pool.create('.work/journal'),
      () => pool.create('.work/unit-0'),
      () => pool.create('.out/model.kerf'),
      () => pool.rename('.out', 'out'),
      () => pool.remove('.work'),
      () => pool.create('other'),
    ]
    for (const change of changes) {
      change()
      states.push(all(pool))
    }
    const [log = ''] =
      [...disk.files]
        .filter(([name]) => name.startsWith('map'))
        .sort((a, b) => b[1].length - a[1].length)[0] ?? []
    return { disk, states, log }
  }

  it('is as it was after one of its changes, wherever its log ends', async () => {
    const { disk, states, log } = await history()
    const whole = disk.files.get(log) ?? new Uint8Array()
    const first = whole.indexOf(10) + 1
    let reached = 0
    for (let length = first; length <= whole.length; length += 1) {
      const cut = disk.copy()
      cut.files.set(log, whole.slice(0, length))
      const state = all(await Pool.open(cut))
      const at = states.findIndex(
        (other, index) => index >= reached && JSON.stringify(other) === JSON.stringify(state),
      )
      expect(at, `cut at ${length}`).toBeGreaterThanOrEqual(reached)
      reached = at
    }
    expect(reached).toBe(states.length - 1)
  })

  it('drops a damaged line and what follows it', async () => {
    const { disk, states, log } = await history()
    const bytes = disk.files.get(log) ?? new Uint8Array()
    const text = new TextDecoder().decode(bytes)
    bytes[text.indexOf('"rename"') + 1] = 'R'.charCodeAt(0)
    expect(all(await Pool.open(disk))).toEqual(states[3])
  })

  it('takes the older log when the newer one was not begun', async () => {
    const { disk, states, log } = await history()
    const other = log === 'map-a' ? 'map-b' : 'map-a'
    disk.files.set(other, new TextEncoder().encode('0000'))
    expect(all(await Pool.open(disk))).toEqual(states.at(-1))
    // Opening made a new log of it; that counts now.
    expect(all(await Pool.open(disk))).toEqual(states.at(-1))
  })
})
