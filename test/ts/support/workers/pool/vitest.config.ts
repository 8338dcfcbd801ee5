// Two files for `vitest --pool=threads`: each is run by a Worker of its own, and the main thread never loads kerf.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const dist = fileURLToPath(new URL('../../../../../dist/index.js', import.meta.url))

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  resolve: { alias: { kerf: dist } },
  test: {
    include: ['*.case.ts'],
    server: { deps: { external: [/dist/] } },
    testTimeout: 120_000,
  },
})
