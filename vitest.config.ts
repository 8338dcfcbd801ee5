import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const dist = fileURLToPath(new URL('./dist/index.js', import.meta.url))

export default defineConfig({
  // The tests meet the package as its users do: built, by its name.
  resolve: { alias: { kerf: dist } },
  test: {
    include: ['test/ts/**/*.test.ts', 'test/conformance/**/*.test.ts'],
    globalSetup: 'test/ts/support/run-folder.ts',
    server: { deps: { external: [/dist/] } },
    pool: 'forks',
    poolOptions: { forks: { maxForks: 2 } },
    testTimeout: 120_000,
    hookTimeout: 240_000,
  },
})
