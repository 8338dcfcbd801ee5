// npm test: set up, build, check and test everything; closes on one line, `N passed, N failed`. With `--browser` also the
// WebAssembly builds and the tests in Chromium, which install what they need, and are skipped where it cannot be had.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildWasm } from './build-wasm.mjs'
import { build } from './build.mjs'
import { ensureChromium } from './lib/chromium.mjs'
import { Missing, output, root, say, tee, Stop } from './lib/run.mjs'
import { setUp } from './lib/setup.mjs'

const withBrowser = process.argv.includes('--browser')
const sum = { passed: 0, failed: 0, skipped: 0 }
const failures = []
/** Seconds of each part, in order. */
const times = []
const bin = (...path) => join('node_modules', ...path)
const wasmCrates = ['kernels', 'tensors', 'model', 'compress'].flatMap(name => ['-p', `kerf-${name}`])
const WASM_CHECK = [
  'check',
  '-q',
  '--target',
  'wasm32-unknown-unknown',
  '--no-default-features',
  ...wasmCrates,
]

/** Checks that count as one test each. */
const CHECKS = [
  ['rustfmt', 'cargo', ['fmt', '--all', '--check']],
  ['API reference is up to date', process.execPath, [join('scripts', 'api-docs.mjs'), '--check']],
  ['clippy', 'cargo', ['clippy', '-q', '--workspace', '--all-targets', '--', '-D', 'warnings']],
  ...['', '.browser', '.worker', '.test-browser'].map(part => [
    `TypeScript types${part && ` (${part.slice(1)})`}`,
    process.execPath,
    [bin('typescript', 'bin', 'tsc'), '-p', `tsconfig${part}.json`],
  ]),
  [
    'TypeScript format',
    process.execPath,
    [bin('prettier', 'bin', 'prettier.cjs'), '--check', '--log-level=warn', '.'],
  ],
]

try {
  await timed('set-up', async () => setUp())
  const testsAreBuilt = buildTests()
  await check('build', () => build().then(() => true))
  await timed('the rest of building the tests of Rust', () => testsAreBuilt)
  for (const [name, program, args] of CHECKS) await checkProgram(name, program, args)
  await timed('Rust tests', cargoTests)
  // Before the other tests of TypeScript: some of them look at what it builds.
  const inChromium = withBrowser && (await check('build:wasm', () => buildWasm().then(() => true)))
  // The modules are the same crates for the same target.
  if (!inChromium) await checkProgram('wasm', 'cargo', WASM_CHECK)
  await vitest('TypeScript tests')
  if (inChromium) await browserTests()
} catch (error) {
  fail(error instanceof Stop ? error.message : (error.stack ?? String(error)))
}
report()

/** Does a part, and notes how long it took. */
async function timed(name, body) {
  const begun = performance.now()
  try {
    return await body()
  } finally {
    times.push([name, (performance.now() - begun) / 1000])
  }
}

/** Counts one check, and tells whether it passed. A thrown Stop is a failure, but what is missing here is skipped. */
async function check(name, body) {
  try {
    if (await timed(name, body)) {
      sum.passed += 1
      return true
    }
    fail(name)
  } catch (error) {
    if (error instanceof Missing) skip(name, error.message)
    else if (error instanceof Stop) fail(`${name}: ${error.message}`)
    else throw error
  }
  return false
}

async function checkProgram(name, program, args) {
  if (name === 'wasm' && !hasWasmTarget()) {
    return skip(name, 'this toolchain has no wasm32-unknown-unknown target')
  }
  say(`Check: ${name}`)
  await check(name, async () => (await tee(program, args)).code === 0)
}

/** rust-toolchain.toml names the target, but rustup does not add it to a toolchain that is there already. */
function hasWasmTarget() {
  if (!targetIsThere()) output('rustup', ['target', 'add', 'wasm32-unknown-unknown'])
  return targetIsThere()
}

function targetIsThere() {
  const folder = output('rustc', ['--print', 'target-libdir', '--target', 'wasm32-unknown-unknown'])
  return folder !== undefined && existsSync(folder.trim())
}

/**
 * Builds the tests of Rust while the addon is built: for a minute its link takes one core alone. Says nothing, since `cargo test` says it
 * all again where this fails.
 */
function buildTests() {
  return new Promise(done => {
    const child = spawn('cargo', ['test', '-q', '--workspace', '--no-run'], { cwd: root, stdio: 'ignore' })
    child.on('error', done)
    child.on('close', done)
  })
}

async function cargoTests() {
  say('Rust tests')
  const { code, text } = await tee('cargo', ['test', '--workspace', '--no-fail-fast'])
  const before = sum.failed
  for (const [, passed, failed, ignored] of text.matchAll(
    /^test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored/gm,
  )) {
    sum.passed += Number(passed)
    sum.failed += Number(failed)
    sum.skipped += Number(ignored)
  }
  for (const [, name] of text.matchAll(/^test (\S+) \.\.\. FAILED$/gm)) failures.push(`cargo: ${name}`)
  if (code !== 0 && sum.failed === before) fail('cargo test did not run to its end')
}

async function browserTests() {
  const ready = await check('chromium', async () => {
    ensureChromium()
    return true
  })
  if (ready) await vitest('Tests in Chromium', ['--config', join('test', 'browser', 'vitest.config.ts')])
}

async function vitest(title, flags = []) {
  say(title)
  const file = join(root, '.work', 'vitest.json')
  mkdirSync(join(root, '.work'), { recursive: true })
  rmSync(file, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const args = [bin('vitest', 'vitest.mjs'), 'run', ...flags, ...reporters]
  const { code } = await timed(title, () => tee(process.execPath, args))
  const before = sum.failed
  const result = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { testResults: [] }
  sum.passed += result.numPassedTests ?? 0
  sum.failed += result.numFailedTests ?? 0
  sum.skipped += (result.numPendingTests ?? 0) + (result.numTodoTests ?? 0)
  const tests = result.testResults.flatMap(suite => suite.assertionResults)
  for (const test of tests) if (test.status === 'failed') failures.push(`vitest: ${test.fullName}`)
  if (code !== 0 && sum.failed === before) fail(`${title}: vitest did not run to its end`)
}

function skip(name, why) {
  console.log(`\n> ${name}: skipped. ${why}`)
  sum.skipped += 1
}

function fail(what) {
  sum.failed += 1
  failures.push(what)
}

function report() {
  console.log('')
  console.log('where the time went, from 5 seconds on:')
  for (const [name, seconds] of times.filter(([, seconds]) => seconds >= 5)) {
    console.log(`${seconds.toFixed(0).padStart(6)} s  ${name}`)
  }
  for (const failure of failures) console.log(`failed: ${failure}`)
  const skipped = sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''
  console.log(`${sum.passed} passed, ${sum.failed} failed${skipped}`)
  process.exitCode = sum.failed > 0 ? 1 : 0
}
