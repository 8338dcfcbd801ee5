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
    // On a busy machine a download of Chromium did not begin, once. A fault of ours fails twice.
    retry: 1,
    hookTimeout: 120_000,
  },
})
