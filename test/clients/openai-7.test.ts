import { VERSION } from 'openai/version'
import { expect, test } from 'vitest'
import { openaiClient } from './support/openai.ts'
import { runMatrix } from './support/run.ts'

test('this is version 7', () => expect(VERSION).toMatch(/^7\./))

runMatrix(openaiClient('openai-7', 'openai 7'))
