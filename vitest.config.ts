import { defineConfig } from 'vitest/config'

/** They put one package in the place of another, which nobody else may see. */
const replacing = ['test/clients/**/*.test.ts']

export default defineConfig({
  test: {
    setupFiles: ['test/support/answers/every-test.ts'],
    reporters: ['default', './test/support/answers/reporter.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Vitest leaves a core free; many of these files wait for processes of their own.
    maxWorkers: '100%',
    projects: [
      // Files share a worker, and with it all that was loaded once: loading it anew for each takes a quarter of the suite's time.
      { extends: true, test: { name: 'shared', include: ['test/**/*.test.ts'], exclude: replacing, isolate: false } },
      { extends: true, test: { name: 'clients', include: replacing } },
    ],
  },
})
