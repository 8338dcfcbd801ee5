import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.test.ts'],
    globalSetup: ['setup.ts'],
    pool: 'forks',
    // Every file has a browser of its own.
    poolOptions: { forks: { maxForks: 1 } },
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
})
