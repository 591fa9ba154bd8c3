import { defineConfig } from 'vitest/config'

/** Rooms whose tests keep to themselves: their files share a worker, and with it all that was loaded once. */
const quiet = [
  ...['agent', 'api', 'attestation', 'config', 'console', 'contracts', 'envelope', 'ledger', 'lib', 'link', 'metering', 'openai'],
  ...['payment-channel', 'payouts', 'policy-registry', 'registry', 'scheduler', 'settlement', 'tee', 'verify'],
].map(room => `test/${room}/**/*.test.ts`)

export default defineConfig({
  test: {
    setupFiles: ['test/support/answers/every-test.ts'],
    reporters: ['default', './test/support/answers/reporter.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Vitest leaves a core free; most of these files wait for processes of their own.
    maxWorkers: '100%',
    projects: [
      { extends: true, test: { name: 'rooms', include: quiet, isolate: false } },
      // Processes, browsers, whole deployments: each file in a worker of its own.
      { extends: true, test: { name: 'whole', include: ['test/**/*.test.ts'], exclude: quiet } },
    ],
  },
})
