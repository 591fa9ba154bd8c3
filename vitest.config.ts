import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/answers/every-test.ts'],
    reporters: ['default', './test/support/answers/reporter.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Vitest leaves a core free; most of these files wait for processes of their own.
    maxWorkers: '100%',
  },
})
