/** The examples, run as they stand against a deployment with the built-in model. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startEngine } from '../../src/engine/index.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import { type Deployment, deploy } from '../support/deployment.ts'
import { environmentOf, exampleFile, type Ran, run } from './support/run-example.ts'

const top = new URL('../../', import.meta.url)
let engine: Awaited<ReturnType<typeof startEngine>>
let deployment: Deployment

beforeAll(async () => {
  const modelFile = fileURLToPath(new URL('models/tiny/chrysalis-tiny-q8_0.gguf', top))
  engine = await startEngine({ modelFile, host: '127.0.0.1', port: 0, logger: silentLogger })
  deployment = await deploy({ engines: [engine.url] })
})
afterAll(async () => {
  await deployment?.stop()
  await engine?.close()
})

const runExample = (name: string, env: Record<string, string> = {}): Promise<Ran> =>
  run(name.endsWith('.sh') ? 'sh' : process.execPath, [exampleFile(name)], { ...environmentOf(deployment), ...env })

const capital = 'The capital of France is Paris.'
const toNine = '1, 2, 3, 4, 5, 6, 7, 8, 9.'

describe('the examples', () => {
  test('openai-node: an answer, a stream, its usage and cost', async () => {
    const ran = await runExample('openai-node.ts')
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    const [answer, stream, usage] = ran.stdout.split('\n')
    expect([answer, stream]).toEqual([capital, toNine])
    expect(usage).toMatch(/^\d+ tokens, \d+ nanoTON$/)
  })

  test('plain fetch: a stream read by hand, and where its receipt is', async () => {
    const ran = await runExample('plain-fetch.ts')
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    const [stream, receipt] = ran.stdout.split('\n')
    expect(stream).toBe(toNine)
    expect((await deployment.get(`/v1/receipts/${receipt!.replace('receipt ', '')}`)).status).toBe(200)
  })

  test('plain fetch: says what was wrong, and fails', async () => {
    const ran = await runExample('plain-fetch.ts', { MODEL: 'gpt-9' })
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain("The model 'gpt-9' does not exist here.")
  })

  test.each(['vercel-ai-sdk.ts', 'langchain.ts'])('%s: an answer, a stream with usage, a tool call', async name => {
    const ran = await runExample(name)
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    const [answer, stream, usage, call] = ran.stdout.split('\n')
    expect([answer, stream, call]).toEqual([capital, toNine, 'get_weather {"city":"Paris"}'])
    expect(usage).toMatch(/^\d+ tokens$/)
  })

  test('curl: JSON, a stream event by event, the account', async () => {
    const ran = await runExample('curl.sh')
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    const lines = ran.stdout.split('\n').filter(line => line !== '')
    expect(JSON.parse(lines[0]!)).toMatchObject({ choices: [{ message: { content: capital } }] })
    expect(lines.at(-2)).toBe('data: [DONE]')
    const chunks = lines.slice(1, -2).map(line => JSON.parse(line.replace(/^data: /, '')) as Chunk)
    expect(chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join('')).toBe('1, 2, 3, 4, 5.')
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number), cost: expect.any(String) } })
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ channel: deployment.channel, spent: expect.stringMatching(/^[1-9]\d*$/) })
  })

  test('curl: an HTTP error is printed, and ends the script', async () => {
    const ran = await runExample('curl.sh', { OPENAI_API_KEY: 'sk-wrong' })
    expect(ran.code).toBe(22)
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: 'invalid_api_key' } })
  })
})

interface Chunk {
  readonly choices: { delta: { content?: string } }[]
}

describe('the load test in the README', () => {
  test('runs as it stands, and every answer is a good one', async () => {
    const documented = /^npx autocannon (?:.*\\\n)*.*$/m.exec(readFileSync(new URL('README.md', top), 'utf8'))![0]
    const shortened = documented.replace('-d 10', '-d 2')
    expect(shortened).not.toBe(documented)
    const command = shortened
      .replace('npx autocannon', '"$0" "$1"')
      .replace('$(cat .chrysalis/key)', '$OPENAI_API_KEY')
      .replace('http://127.0.0.1:8080/v1', '$OPENAI_BASE_URL')
    const autocannon = fileURLToPath(new URL('node_modules/autocannon/autocannon.js', top))
    const ran = await run('sh', ['-c', `${command} --json`, process.execPath, autocannon], environmentOf(deployment))
    expect(ran.code).toBe(0)
    const result = JSON.parse(ran.stdout) as Record<'2xx' | 'non2xx' | 'errors' | 'timeouts', number>
    expect(result).toMatchObject({ non2xx: 0, errors: 0, timeouts: 0 })
    expect(result['2xx']).toBeGreaterThan(0)
    expect((await deployment.idle()).reserved).toBe(0n)
  })
})
