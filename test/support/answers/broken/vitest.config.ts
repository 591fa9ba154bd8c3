/** Runs what must fail, under the same setup as the suite: test/openai/suite.test.ts looks at how it went. */
import { defineConfig } from 'vitest/config'
import suite from '../../../../vitest.config.ts'

const { projects: _, ...setup } = suite.test!

export default defineConfig({ test: { ...setup, include: ['test/support/answers/broken/broken.ts'], reporters: ['json'] } })
