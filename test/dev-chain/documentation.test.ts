/** Every command and program in docs/dev-chain.md, run as it stands there in its order, against the command it begins with. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Child, startChild } from '../../src/dev/supervisor.ts'
import { DEV_GLOBAL_ID } from '../../src/dev-chain/index.ts'
import { methods } from '../../src/dev-chain/methods/index.ts'

const page = readFileSync(new URL('../../docs/dev-chain.md', import.meta.url), 'utf8')
const top = new URL('../../', import.meta.url).pathname
const blocks = Array.from(page.matchAll(/^```(\w+)\n(.*?)^```$/gms), ([, kind, text]) => ({ kind: kind!, text: text!.trim() }))
const commands = blocks.flatMap(({ kind, text }, at) => {
  const next = blocks[at + 1]
  return kind === 'sh' ? [{ text, answer: next?.kind === 'json' ? next.text : undefined }] : []
})
const programs = blocks.filter(({ kind }) => kind === 'js').map(({ text }) => text)
const run = promisify(execFile)

let chain: Child<{ url: string }>
const folder = mkdtempSync(join(tmpdir(), 'chrysalis-chain-docs-'))
const here = (text: string) => text.replaceAll('http://127.0.0.1:8081', new URL(chain.ready.url).origin)

beforeAll(async () => {
  const [first] = commands
  expect(first!.text).toBe('npx chrysalis dev-chain')
  chain = await startChild({
    name: 'dev-chain',
    args: [...first!.text.split(' ').slice(2), '--port', '0', '--data', join(folder, 'chain')],
    logFile: join(folder, 'log'),
    readyWithinMs: 60_000,
  })
})
afterAll(async () => {
  await chain.stop(5_000)
  rmSync(folder, { recursive: true })
})

describe('the page on the development chain', () => {
  test.each(commands.slice(1))('$text', async ({ text, answer }) => {
    const { stdout } = await run('sh', ['-eu', '-c', here(text.replaceAll('curl -s', 'curl -s -w "\\n"'))])
    const answers = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { ok: boolean })
    for (const one of answers) expect(one).toMatchObject({ ok: true })
    if (answer !== undefined) expect(answers.at(-1)).toMatchObject(JSON.parse(answer) as object)
  })

  test('its client reads the chain', async () => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', here(programs[0]!)], { cwd: top })
    expect(stdout).toMatch(/latestSeqno: \d+/)
  })

  test('its way to start one in a test gives a chain that answers', async () => {
    const program = `const dataFolder = ${JSON.stringify(join(folder, 'another'))}\n${programs[1]}\nconst { result } = await (await fetch(url.replace('jsonRPC', 'dev_info'))).json()\nconsole.log('answer ' + result.global_id)\nchain.send('stop')`
    const file = join(folder, 'program.mjs')
    writeFileSync(file, program)
    const { stdout } = await run(process.execPath, [file], { cwd: top })
    expect(stdout.split('\n')).toContain(`answer ${DEV_GLOBAL_ID}`)
  })

  test('names every method, the global id, and no method that is not there', () => {
    expect(page).toContain(`global id is ${DEV_GLOBAL_ID} `)
    const listed = page
      .slice(page.indexOf('## Methods'), page.indexOf('## Coins'))
      .split('\n')
      .filter(line => line.startsWith('|'))
    const named = listed.flatMap(line => Array.from(line.matchAll(/`(\w+)`/g), ([, name]) => name!))
    expect(named.toSorted()).toEqual([...methods.keys()].toSorted())
  })
})
