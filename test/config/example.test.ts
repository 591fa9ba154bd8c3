/** The annotated examples start as they stand. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { type Child, startChild } from '../../src/dev/supervisor.ts'
import { checkResponse } from '../support/answers/check-answer.ts'

const folder = mkdtempSync(join(tmpdir(), 'chrysalis-config-'))
cpSync(fileURLToPath(new URL('../../config', import.meta.url)), join(folder, 'config'), { recursive: true })
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Starts a role by its example, on a free port in place of its own, so that tests do not collide. */
async function start(role: string): Promise<Child<{ url: string }>> {
  const file = join(folder, 'config', `${role}.yaml`)
  writeFileSync(file, readFileSync(file, 'utf8').replace(/port: \d+/, 'port: 0'))
  return startChild({ name: role, args: [role, '--config', file], logFile: join(folder, `${role}.log`), readyWithinMs: 30_000 })
}

test.each(['proxy', 'worker'])('chrysalis %s starts by its example, is alive, and says why it is not ready', async role => {
  const child = await start(role)
  try {
    const ask = async (path: string) => {
      const response = await fetch(child.ready.url + path)
      return role === 'proxy' ? checkResponse('GET', path, response) : response
    }
    expect((await ask('/healthz')).status).toBe(200)
    expect((await ask('/readyz')).status).toBe(503)
  } finally {
    await child.stop(10_000)
  }
})

test('a second start goes on with the keys of the first, and a lost payee key fails it', async () => {
  const again = await start('proxy')
  await again.stop(10_000)
  rmSync(join(folder, '.chrysalis-proxy', 'payee.key'))
  await expect(start('proxy')).rejects.toThrow(/payments\.payee_key: the key file .* is gone/)
})
