/** The operator's page: who gets in, what it shows, and how it looks in a real browser. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { ConsoleAccess, createConsole, type Status } from '../../src/console/index.ts'
import { ManualClock } from '../support/manual-clock.ts'

const operatorKey = 'an operator key for tests'
const status: Status = {
  simulated: true,
  now: 100_000,
  baseUrl: 'http://127.0.0.1:8080/v1',
  obstacles: [],
  accounts: [
    {
      channel: 'EQ<script>alert(1)</script>',
      state: 'open',
      deposited: 2_000_000_000n,
      authorised: 1_500_000_000n,
      spent: 250_000_000n,
      settled: 0n,
      reserved: 0n,
      available: 1_250_000_000n,
    },
  ],
  workers: [
    {
      id: 'good',
      url: 'http://a',
      status: 'verified',
      models: ['m'],
      running: 2,
      verifiedAt: 40_000,
      expiresAt: 700_000,
      tcbStatus: 'UpToDate',
      evidence: 'ab12',
      pay: {
        channel: 'EQpay',
        deposited: 990_000_000n,
        earned: 5_000_000n,
        signed: 4_000_000n,
        settled: 0n,
        problem: 'the line broke',
      },
      reasons: [],
      checks: [{ name: 'MRTD is in the policy', ok: true }],
    },
    {
      id: 'bad',
      url: 'http://b',
      status: 'refused',
      models: [],
      running: 0,
      verifiedAt: undefined,
      expiresAt: undefined,
      tcbStatus: undefined,
      evidence: undefined,
      pay: undefined,
      reasons: ['MRTD is 00, which is not in the policy'],
      checks: [{ name: 'policy-refused', ok: false }],
    },
  ],
  requests: [
    { rid: 'RID', at: 99_000, model: 'm', worker: 'good', prompt: 3, completion: 4, others: '2 images', cost: 77n, finish: 'stop' },
  ],
}

function setUp() {
  const clock = new ManualClock(1_000_000)
  const access = new ConsoleAccess(operatorKey, clock)
  const app = new Hono().route('/console', createConsole({ access, status: () => status }))
  return { clock, access, app }
}

const cookieOf = (response: Response) => response.headers.get('set-cookie')!.split(';')[0]!

describe('access', () => {
  test('a token opens one session, once, within ten minutes', async () => {
    const { app, access, clock } = setUp()
    const token = access.mintToken()
    const entered = await app.request(`/console?token=${token}`)
    expect(entered.status).toBe(303)
    expect(entered.headers.get('set-cookie')).toMatch(/HttpOnly; SameSite=Lax/)
    expect((await app.request('/console', { headers: { cookie: cookieOf(entered) } })).status).toBe(200)
    expect((await app.request(`/console?token=${token}`)).status).toBe(401)
    const late = access.mintToken()
    await clock.advance(10 * 60_000)
    expect((await app.request(`/console?token=${late}`)).status).toBe(401)
  })

  test('the operator key signs in; nothing else does; a session ends after half a day', async () => {
    const { app, clock } = setUp()
    const login = (key: string) => app.request('/console/login', { method: 'POST', body: new URLSearchParams({ key }) })
    for (const wrong of ['', 'x', `${operatorKey} `]) expect((await login(wrong)).status).toBe(401)
    const entered = await login(operatorKey)
    expect(entered.status).toBe(303)
    const cookie = cookieOf(entered)
    expect((await app.request('/console', { headers: { cookie } })).status).toBe(200)
    await clock.advance(12 * 3_600_000)
    expect((await app.request('/console', { headers: { cookie } })).status).toBe(401)
    expect((await app.request('/console', { headers: { cookie: 'chrysalis-console=guess' } })).status).toBe(401)
  })

  test('the page runs no script and is framed by nobody', async () => {
    const { app } = setUp()
    const policy = (await app.request('/console')).headers.get('content-security-policy')!
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
  })
})

async function page(): Promise<string> {
  const { app, access } = setUp()
  const entered = await app.request(`/console?token=${access.mintToken()}`)
  return (await app.request('/console', { headers: { cookie: cookieOf(entered) } })).text()
}

describe('the status page', () => {
  test('shows mode, balance, workers with their evidence and age, last requests', async () => {
    const text = await page()
    for (const part of [
      'simulated',
      '1.25 TON',
      '2 TON',
      'verified 60 s ago',
      'valid 10 min more',
      'TCB UpToDate',
      'MRTD is 00, which is not in the policy',
      'Never verified',
      'earned 0.005 TON, signed for 0.004 TON, cashed 0 TON, of 0.99 TON locked',
      'the line broke',
      '77',
      'RID',
    ])
      expect(text).toContain(part)
  })

  test('escapes what it shows', async () => {
    const text = await page()
    expect(text).not.toContain('<script')
    expect(text).toContain('&lt;script&gt;')
  })

  const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(file => existsSync(file))
  if (!chromium) console.warn('skipped: no Chromium here, so the page is not opened in a browser')
  test.skipIf(!chromium)(
    'opens in a browser by its one-time link, without an error, and can be pictured',
    async () => {
      const { app, access } = setUp()
      const server = createServer(getRequestListener(app.fetch)).listen(0, '127.0.0.1')
      await new Promise(resolve => server.once('listening', resolve))
      const folder = mkdtempSync(join(tmpdir(), 'chrysalis-browser-'))
      const browse = (...args: string[]) => {
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/console?token=${access.mintToken()}`
        const quiet = [
          '--headless',
          '--no-sandbox',
          '--disable-gpu',
          '--disable-quic',
          '--no-first-run',
          '--disable-background-networking',
          '--disable-component-update',
          '--disable-sync',
        ]
        return promisify(execFile)(chromium!, [...quiet, `--user-data-dir=${folder}/profile`, '--enable-logging=stderr', ...args, url], {
          timeout: 60_000,
        })
      }
      try {
        const { stdout, stderr } = await browse('--dump-dom')
        expect(stdout).toContain('1.25 TON')
        expect(stdout).toContain('Last requests')
        expect(stderr).not.toMatch(/CONSOLE.*(Refused|Error)/)
        await browse('--window-size=400,900', `--screenshot=${folder}/page.png`)
        expect(statSync(`${folder}/page.png`).size).toBeGreaterThan(10_000)
      } finally {
        server.close()
        server.closeAllConnections()
        rmSync(folder, { recursive: true, force: true })
      }
    },
    90_000,
  )
})
