/** Runs what must fail, under the same setup as the suite: test/openai/suite.test.ts looks at how it went. */
import { defineConfig } from 'vitest/config'
import suite from '../../../../vitest.config.ts'

export default defineConfig({ test: { ...suite.test, include: ['test/support/answers/broken/broken.ts'], reporters: ['json'] } })
