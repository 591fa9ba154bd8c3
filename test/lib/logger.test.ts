/** A logger in a process of its own: what reaches a reader, and that no reader keeps the process from ending. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'

const logger = new URL('../../src/lib/logger.ts', import.meta.url).href

/** Runs `body` in a process where `logger` is a logger, `say(n)` logs n lines, and nothing ends it but itself. */
function run(body: string): ChildProcess {
  const code = `
    import { createLogger } from '${logger}'
    const logger = createLogger({ role: 'test', level: 'info', simulated: true })
    const say = count => { for (let n = 1; n <= count; n++) logger.info({ n, filler: 'x'.repeat(200) }, 'a line') }
    ${body}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

async function linesOf(child: ChildProcess): Promise<Record<string, unknown>[]> {
  let text = ''
  for await (const part of child.stdout!.setEncoding('utf8')) text += part
  return text
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Record<string, unknown>)
}

test('every line arrives whole and in order, the last ones at the exit', async () => {
  const child = run('say(3_000); process.exit(7)')
  const exited = once(child, 'exit')
  const lines = await linesOf(child)
  expect(lines.map(line => line.n)).toEqual(Array.from({ length: 3_000 }, (_, index) => index + 1))
  expect(lines[0]).toMatchObject({ role: 'test', simulated: true, msg: 'a line' })
  expect((await exited)[0]).toBe(7)
})

test.each([
  [1, 0],
  [1, 50],
  [100, 50],
])('a process whose reader is gone ends when it wants to, %i lines and %i ms after', async (lines, pauseMs) => {
  const child = run(`process.stdin.once('data', () => { say(${lines}); setTimeout(() => { say(1); process.exit(7) }, ${pauseMs}) })`)
  child.stdout!.destroy()
  child.stdin!.write('go')
  expect((await once(child, 'exit'))[0]).toBe(7)
})

test('a process whose reader takes nothing ends when it wants to', async () => {
  const child = run("process.stdin.once('data', () => { say(40_000); setTimeout(() => process.exit(7), 50) })")
  child.stdout!.pause()
  child.stdin!.write('go')
  expect((await once(child, 'exit'))[0]).toBe(7)
})

test('what a slow reader leaves waiting has a limit: lines beyond it are dropped, and counted', async () => {
  const child = run("process.stdin.once('data', () => say(40_000)).once('end', () => process.exit(7))")
  child.stdin!.write('go')
  let text = ''
  for await (const part of child.stdout!.setEncoding('utf8')) {
    text += part
    // The count stands behind the lines that were kept.
    if (text.includes('were dropped')) child.stdin!.end()
  }
  const dropped = /were dropped","count":([0-9]+)/.exec(text)!
  expect(text.split('"msg":"a line"').length - 1 + Number(dropped[1])).toBe(40_000)
})
