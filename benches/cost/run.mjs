// npm run bench:cost: what a better solver costs.
//   (nothing)   the whole run at each quality against plain OBS on the same tokens, two small models, alternating
//               --repetitions 5 --threads 2 --only REGEX (of "MODEL NAME") --json FILE
//   --block     one block of LLaMA-7B's shape, itemised, and what follows for 32 of them
//               --tokens 16384 --quality balanced --threads 2 --keep (keeps the model) --json FILE
import { writeFileSync } from 'node:fs'
import { flag, has, machine } from '../lib/machine.mjs'
import { measureBlock } from './block.mjs'
import { measureRatios } from './ratios.mjs'

const asked = machine()
const { text, data, kept } = has('block') ? await measureBlock() : await measureRatios()
console.log(`${text}\n\n${asked}`)
const file = flag('json')
if (file) writeFileSync(file, `${JSON.stringify({ machine: asked, ...data }, null, 1)}\n`)
process.exitCode = kept ? 0 : 1
