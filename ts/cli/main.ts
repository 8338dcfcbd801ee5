#!/usr/bin/env node
import { provideBackend } from '../backend/backend.js'
import { nodeBackend } from '../backend/node.js'
import { runProgram } from './program.js'

provideBackend(nodeBackend)

// A reader that has seen enough (`kerf inspect | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

await runProgram(process.argv.slice(2))
