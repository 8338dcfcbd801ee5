// A Python with torch for the benches that compare with one. Nothing else in the project needs Python.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fail, root } from './paths.mjs'

const requirements = join(root, 'benches', 'peer', 'requirements.txt')

/** Path of a Python that has the packages: $KERF_PEER_PYTHON, or a virtual environment made under .work/venv. */
export function python() {
  const given = process.env.KERF_PEER_PYTHON
  if (given)
    return check(given)
      ? given
      : fail(`KERF_PEER_PYTHON=${given} cannot import torch, tokenizers, safetensors, scipy`)
  const venv = join(root, '.work', 'venv')
  const path =
    process.platform === 'win32' ? join(venv, 'Scripts', 'python.exe') : join(venv, 'bin', 'python')
  if (!existsSync(path)) step('python3', ['-m', 'venv', venv], 'making a virtual environment in .work/venv')
  if (!check(path))
    step(path, ['-m', 'pip', 'install', '--quiet', '-r', requirements], 'installing torch (large, once)')
  if (!check(path)) fail('the virtual environment in .work/venv lacks packages; remove it and run this again')
  return path
}

function check(path) {
  return (
    spawnSync(path, ['-c', 'import torch, tokenizers, safetensors, scipy, transformers'], { stdio: 'ignore' })
      .status === 0
  )
}

function step(command, args, what) {
  process.stderr.write(`bench: ${what}\n`)
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2] })
  if (status !== 0) fail(`${command} ${args.join(' ')}: ${error?.message ?? `exit code ${status}`}`)
}
