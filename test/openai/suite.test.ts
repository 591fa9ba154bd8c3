/** What stands over the whole suite does fail it: the same setup, run over answers that are broken. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

const top = fileURLToPath(new URL('../../', import.meta.url))

interface Result {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string; readonly failureMessages: readonly string[] }[]
  }[]
}

test('a test in which an answer is broken fails, however it was asked for', async () => {
  const vitest = join(top, 'node_modules/vitest/vitest.mjs')
  const folder = mkdtempSync(join(tmpdir(), 'chrysalis-broken-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const report = join(folder, 'report.json')
  const config = 'test/support/answers/broken/vitest.config.ts'
  const args = [vitest, 'run', '--config', config, '--root', top, `--outputFile=${report}`]
  const child = spawn(process.execPath, args, { cwd: top, stdio: 'ignore' })
  const [code] = (await once(child, 'close')) as [number]
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Result
  const results = testResults.flatMap(({ assertionResults }) => assertionResults)
  expect(results.map(({ title, status }) => `${title}: ${status}`)).toEqual(
    results.map(({ title }) => `${title}: ${title.startsWith('good') ? 'passed' : 'failed'}`),
  )
  expect(results).toHaveLength(8)
  for (const { title, failureMessages } of results.filter(({ status }) => status === 'failed'))
    expect({ title, says: failureMessages.join('\n') }).toEqual({
      title,
      says: expect.stringContaining('AnswerViolation: POST /v1/chat/completions 200'),
    })
  expect(code).toBe(1)
}, 60_000)
