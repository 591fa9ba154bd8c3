/** What proxies say of a worker's evidence: once, over a nonce that was asked with, and no more than a line for the owner. */
import { describe, expect, test } from 'vitest'
import { Verdicts } from '../../src/agent/verdicts.ts'
import { encodeVerdict, type Verdict } from '../../src/attestation/index.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { setUp } from './fixture.ts'

const nonce = Buffer.alloc(32, 0xee)
const refused: Verdict = { nonce, accepted: false, code: 'policy-refused', reasons: ['the FMSPC is 00'] }
const tell = (url: string, body: string) => fetch(`${url}/.well-known/chrysalis/verdict`, { method: 'POST', body })
const ask = (url: string) => fetch(`${url}/.well-known/chrysalis?nonce=${nonce.toString('hex')}`)

describe('over HTTP', () => {
  test('a verdict on evidence that was asked for is taken once, and counted by its code', async () => {
    const { agent } = await setUp()
    await ask(agent.url)
    expect((await tell(agent.url, encodeVerdict(refused))).status).toBe(204)
    expect((await tell(agent.url, encodeVerdict(refused))).status).toBe(404)
    const metrics = await (await fetch(`${agent.url}/metrics`)).text()
    expect(metrics).toContain('chrysalis_worker_verdicts_total{code="policy-refused"} 1')
  })

  test('one that nobody asked for is 404', async () => {
    const { agent } = await setUp()
    const response = await tell(agent.url, encodeVerdict(refused))
    expect([response.status, await response.json()]).toEqual([404, expect.objectContaining({ type: 'urn:chrysalis:bad-nonce' })])
  })

  test.each([
    ['no verdict', '{}'],
    ['a body that is too large', 'x'.repeat(17 * 1024)],
  ])('%s is 400', async (_, body) => {
    const { agent } = await setUp()
    await ask(agent.url)
    const response = await tell(agent.url, body)
    expect([response.status, await response.json()]).toEqual([400, expect.objectContaining({ type: 'urn:chrysalis:bad-verdict' })])
  })
})

describe('verdicts', () => {
  function world() {
    const clock = new ManualClock(1_790_000_000_000)
    const counted: Verdict[] = []
    const verdicts = new Verdicts({ clock, logger: silentLogger, metrics: { verdict: verdict => counted.push(verdict) } })
    return { clock, counted, verdicts }
  }

  test('are awaited for a minute', async () => {
    const { clock, counted, verdicts } = world()
    verdicts.await(nonce)
    await clock.advance(60_000)
    expect(verdicts.take(refused)).toBe(true)
    verdicts.await(nonce)
    await clock.advance(60_001)
    expect(verdicts.take(refused)).toBe(false)
    expect(counted).toEqual([refused])
  })

  test('are awaited by so many at most: the oldest is let go', () => {
    const { verdicts } = world()
    verdicts.await(nonce)
    for (let i = 0; i < 1_024; i++)
      verdicts.await(
        Buffer.alloc(32)
          .fill(i & 0xff)
          .fill(i >> 8, 16),
      )
    expect(verdicts.take(refused)).toBe(false)
  })
})
