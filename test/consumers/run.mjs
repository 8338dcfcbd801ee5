// npm run test:consumers: results of kerf in the programs that others use. Installs node-llama-cpp into a temporary folder and
// Python packages into an environment of its own, unless KERF_CONSUMERS_PYTHON names one. What cannot be had is skipped with a word.
// `-- TEXT` runs the cases whose names hold the text.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cases } from './cases.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '..', '..')
const packages = [
  'torch',
  'transformers==5.24.0',
  'compressed-tensors==0.20.0',
  'accelerate',
  'gguf==0.19.0',
  'safetensors',
  'sentence-transformers==6.2.0',
]

/** Runs a program; its last line is JSON. */
function json(program, args) {
  const options = { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'] }
  return JSON.parse(execFileSync(program, args, options).trim().split('\n').at(-1))
}

/** A Python with the packages, or undefined. */
function python(folder) {
  const given = process.env.KERF_CONSUMERS_PYTHON
  const has = program =>
    json(program, [
      '-c',
      'import torch, transformers, compressed_tensors, gguf, safetensors, sentence_transformers; print(1)',
    ]) === 1
  try {
    if (given !== undefined) return has(given) ? given : undefined
    const venv = join(folder, 'venv')
    execFileSync('python3', ['-m', 'venv', venv], { stdio: 'ignore' })
    const program = join(venv, 'bin', 'python')
    execFileSync(program, ['-m', 'pip', 'install', '--quiet', ...packages], { stdio: 'inherit' })
    return has(program) ? program : undefined
  } catch {
    return undefined
  }
}

/** A folder with node-llama-cpp, or undefined. Its binaries are in its packages: nothing is built and no script runs. */
function llama(folder) {
  const given = process.env.KERF_CONSUMERS_MODULES
  if (given !== undefined) return given
  const modules = join(folder, 'modules')
  mkdirSync(modules)
  writeFileSync(join(modules, 'package.json'), '{"private":true}')
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', 'node-llama-cpp@3.22.1']
  try {
    execFileSync('npm', args, { cwd: modules, stdio: 'ignore' })
    return modules
  } catch {
    return undefined
  }
}

const folder = mkdtempSync(join(tmpdir(), 'kerf-consumers-'))
const tools = {
  root,
  folder,
  kerf: (...args) => json(process.execPath, [join(root, 'dist', 'cli.js'), ...args, '--json']),
  script: (name, ...args) => json(tools.python, [join(here, name), ...args]),
  llama: (...args) => json(process.execPath, [join(here, 'llama.mjs'), tools.modules, ...args]),
  read: file => JSON.parse(readFileSync(file, 'utf8')),
  write: writeFileSync,
  exists: existsSync,
}
const wanted = [...cases(tools)].filter(({ name }) => name.includes(process.argv[2] ?? ''))
const need = tool => wanted.some(({ needs }) => needs.includes(tool))
tools.python = need('python') ? python(folder) : undefined
tools.modules = need('modules') ? llama(folder) : undefined
const counts = { passed: 0, failed: 0, skipped: 0 }
for (const { name, needs, model, test } of wanted) {
  const missing = needs.find(tool => tools[tool] === undefined)
  const reason =
    missing !== undefined ? `no ${missing} here` : existsSync(model) ? undefined : 'the model is not here'
  if (reason !== undefined) {
    counts.skipped++
    console.log(`skipped  ${name}: ${reason}`)
    continue
  }
  try {
    const word = test()
    counts.passed++
    console.log(`passed   ${name}${word ? `: ${word}` : ''}`)
  } catch (error) {
    counts.failed++
    console.log(`failed   ${name}: ${error.message}\n${error.stderr ?? ''}${error.stdout ?? ''}`)
  }
}
rmSync(folder, { recursive: true, force: true })
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exit(counts.failed > 0 ? 1 : 0)
