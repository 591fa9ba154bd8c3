import OpenAI from 'openai'
import OpenAI6 from 'openai-6'
import { VERSION } from 'openai-6/version'
import { expect, test, vi } from 'vitest'
import { openaiClient } from './support/openai.ts'
import { runMatrix } from './support/run.ts'

// The same calls, written once, made by the older package.
vi.mock('openai', () => import('openai-6'))
vi.mock('openai/helpers/zod', () => import('openai-6/helpers/zod'))

test('this is version 6', () => {
  expect(VERSION).toMatch(/^6\./)
  expect(OpenAI).toBe(OpenAI6)
})

runMatrix(openaiClient('openai-6', 'openai 6'))
