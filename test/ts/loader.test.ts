// Whatever keeps the addon from being loaded is told in one sentence: which package, which platform, why, and what to do.
// The folders are real ones, as npm and packagers leave them, with the real addon.
import { isa, version, type KerfError } from 'kerf'
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadAddon } from '../../ts/backend/addon.js'
import { platformTriple } from '../../ts/backend/platform.js'
import { temporaryFolder } from './support/folders.js'
import { root } from './support/models.js'

const platform = platformTriple()
const built = join(root, 'dist', `kerf.${platform}.node`)
const current = version()

/** An application with `kerf` in its node_modules; returns the folder of kerf's code. */
function application(app = temporaryFolder()): string {
  const folder = join(app, 'node_modules', 'kerf', 'dist')
  mkdirSync(folder, { recursive: true })
  return folder
}

/** Installs the package of a platform beside kerf; returns its addon. */
function installAddon(folder: string, of: string, content: string | Buffer = built): string {
  const home = join(folder, '..', '..', '@kerf', `node-${of}`)
  const file = join(home, `kerf.${of}.node`)
  mkdirSync(home, { recursive: true })
  const manifest = { name: `@kerf/node-${of}`, version: current, main: `kerf.${of}.node` }
  writeFileSync(join(home, 'package.json'), JSON.stringify(manifest))
  if (typeof content === 'string') copyFileSync(content, file)
  else writeFileSync(file, content)
  return file
}

function failure(folder: string, of = platform, expected = current): KerfError {
  try {
    loadAddon(folder, of, expected)
  } catch (error) {
    // The loader comes from the sources here, so its class is not the one of the built package.
    return error as KerfError
  }
  throw new Error('the addon was loaded')
}

describe('the addon is found', () => {
  it('beside the code, as in a checkout', () => {
    const folder = application()
    copyFileSync(built, join(folder, `kerf.${platform}.node`))
    expect(loadAddon(folder, platform, current).version()).toBe(current)
  })

  it("in the platform's package, as npm installs it", () => {
    const folder = application()
    installAddon(folder, platform)
    expect(loadAddon(folder, platform, current).version()).toBe(current)
  })

  it('in several copies, each loaded late into a process that has others', () => {
    // With initial-exec thread-local storage (STATIC_TLS) the second or third fails, and musl would load none at all.
    for (let copies = 0; copies < 6; copies += 1) {
      const folder = application()
      installAddon(folder, platform)
      expect(loadAddon(folder, platform, current).isa()).toBe(isa())
    }
  })

  it("outside Electron's archive, where asarUnpack puts it", () => {
    const resources = temporaryFolder()
    const folder = application(join(resources, 'app.asar'))
    // In the archive the file has an entry, but no system can load it from there; here it has other bytes.
    const inside = installAddon(folder, platform, Buffer.from('archived'))
    const outside = inside.replace('app.asar', 'app.asar.unpacked')
    mkdirSync(dirname(outside), { recursive: true })
    copyFileSync(built, outside)
    expect(loadAddon(folder, platform, current).version()).toBe(current)
    renameSync(outside, `${outside}.gone`)
    const error = failure(folder)
    expect(error.code).toBe('ADDON_BROKEN')
    expect(error.message).toMatch(/asarUnpack/)
  })
})

describe('the addon is missing', () => {
  it('because optional dependencies were left out', () => {
    const error = failure(application())
    expect(error.code).toBe('ADDON_MISSING')
    expect(error.message).toContain(`@kerf/node-${platform}`)
    expect(error.message).toMatch(/without --omit=optional/)
    expect(error.details).toMatchObject({ platform, packageName: `@kerf/node-${platform}`, installed: [] })
  })

  it.each([
    ['another system', 'linux-x64-gnu', 'darwin-arm64', /comes from another system/],
    ['another processor', 'darwin-arm64', 'darwin-x64', /another processor than this Node's, arm64/],
    ['musl', 'linux-x64-gnu', 'linux-x64-musl', /another C library/],
    ['glibc', 'linux-arm64-musl', 'linux-arm64-gnu', /another C library/],
  ])('because node_modules is that of %s', (_, wanted, installed, why) => {
    const folder = application()
    installAddon(folder, installed)
    const error = failure(folder, wanted)
    expect(error.code).toBe('ADDON_MISSING')
    expect(error.message).toContain(`the package @kerf/node-${wanted},`)
    expect(error.message).toContain(`@kerf/node-${installed} is`)
    expect(error.message).toMatch(why)
    expect(error.message).toMatch(/npm install/)
    expect(error.details).toMatchObject({ platform: wanted, installed: [installed] })
  })

  it('because there is none for the platform', () => {
    const error = failure(application(), 'freebsd-x64')
    expect(error.code).toBe('PLATFORM_UNSUPPORTED')
    expect(error.message).toMatch(/no package for freebsd-x64, only for linux-x64-gnu, .*npm run build/)
  })
})

describe('the addon is broken', () => {
  it('because its download was cut off', () => {
    const folder = application()
    const file = installAddon(folder, platform, readFileSync(built).subarray(0, 40))
    const error = failure(folder)
    expect(error.code).toBe('ADDON_BROKEN')
    expect(error.message).toContain(file)
    expect(error.message).toMatch(/npm install/)
    expect(error.message).not.toContain('\n')
    expect(error.details['reason']).not.toBe('')
    expect(error.cause).toBeInstanceOf(Error)
  })

  it.runIf(process.platform === 'linux')('because it is for another system', () => {
    const folder = application()
    installAddon(folder, platform, Buffer.concat([Buffer.from('MZ'), Buffer.alloc(8192)]))
    const error = failure(folder)
    expect(error.code).toBe('ADDON_BROKEN')
    expect(error.message).toMatch(/another system or processor/)
  })

  it('because it is of another version', () => {
    const folder = application()
    const file = installAddon(folder, platform)
    const error = failure(folder, platform, '99.0.0')
    expect(error.code).toBe('ADDON_VERSION')
    expect(error.message).toBe(
      `kerf is 99.0.0, but its addon ${file} is ${current}; run "npm install kerf@99.0.0" ` +
        `so that @kerf/node-${platform} has the same version; in a checkout of kerf run "npm run build"`,
    )
    expect(error.details).toMatchObject({ expected: '99.0.0', actual: current })
  })
})
