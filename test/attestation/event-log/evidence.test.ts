/** An event log in a worker's document: from the document to a lease, judged by what the guest measured. */
import { describe, expect, test } from 'vitest'
import {
  type AttestationError,
  developmentPolicy,
  loadCollateral,
  openEvidence,
  parsePolicy,
  verifyEvidence,
} from '../../../src/attestation/index.ts'
import { developmentMeasurements } from '../../../src/tee/index.ts'
import { composeHash, goodLog, measuredBy, runtimeEvent } from '../support/event-log.ts'
import { setUp } from '../support/lease-world.ts'
import { outcome } from '../support/outcome.ts'
import { authority, evidenceOf, goodNonce, now } from '../support/sample.ts'

const log = goodLog(2)
const body = measuredBy(log)
const asks = (events: Record<string, unknown>) =>
  parsePolicy({ ...developmentPolicy({ ...developmentMeasurements, ...body }), rtmr3: { events } })
const policy = asks({ 'compose-hash': [composeHash], 'app-id': 'any' })

const verify = (document: object, by = policy) =>
  verifyEvidence({
    ...openEvidence(JSON.stringify(document)),
    worker: 'worker-1',
    nonce: goodNonce,
    collateral: loadCollateral(authority.collateral(now), now, authority.rootDer),
    policy: by,
    now,
  })
const refusal = (document: object, by = policy) => {
  try {
    verify(document, by)
  } catch (error) {
    return error as AttestationError
  }
  return undefined
}

describe('evidence with an event log', () => {
  test.each<[string, unknown]>([
    ['its text', JSON.stringify(log)],
    ['a list', log],
  ])('is accepted for what the guest measured: %s', (_, eventLog) => {
    const { replayed, checks } = verify(evidenceOf({ body, eventLog }))
    expect(replayed?.events).toHaveLength(11)
    expect(checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['event log replays to the quote', 'event log replays to RTMR3', 'event compose-hash is accepted']),
    )
  })

  test('is refused when the policy asks for another application', () => {
    const refused = refusal(evidenceOf({ body, eventLog: log }), asks({ 'compose-hash': ['00'.repeat(32)] }))
    expect(refused).toMatchObject({ code: 'policy-refused', reasons: [`event compose-hash is ${composeHash}, which is not in the policy`] })
  })

  test('is refused without the log that the policy asks for', () => {
    const reasons = ['no event log is shown, which RTMR3 is judged by']
    for (const eventLog of [undefined, null])
      expect(refusal(evidenceOf({ body, eventLog }))).toMatchObject({ code: 'policy-refused', reasons: expect.arrayContaining(reasons) })
  })

  test('is refused when the application measures after the boot what the policy asks for', () => {
    const forged = log.filter(({ event }) => event !== 'compose-hash').concat(runtimeEvent('compose-hash', composeHash, 2))
    const refused = refusal(evidenceOf({ body: measuredBy(forged), eventLog: forged }), asks({ 'compose-hash': [composeHash] }))
    expect(refused).toMatchObject({
      code: 'policy-refused',
      reasons: ['event compose-hash stands nowhere in the boot’s part of the event log'],
    })
  })

  const byValue = developmentPolicy({ ...developmentMeasurements, ...body })
  test.each<[string, string, unknown]>([
    ['of another machine', 'event-log-mismatch', [...log, runtimeEvent('more', '', 2)]],
    ['of nothing', 'event-log-mismatch', []],
    ['with a changed event', 'event-log-digest', log.with(6, { ...log[6]!, event_payload: '00'.repeat(32) })],
    ['without an end of the boot', 'event-log-order', log.filter(({ event }) => event !== 'system-ready')],
    ['that cannot be read', 'event-log-malformed', '[{'],
    ['that is none', 'event-log-malformed', {}],
  ])('is refused with a log %s, even where the policy asks for no log', (_, code, eventLog) => {
    const document = evidenceOf({ body, eventLog })
    for (const by of [policy, byValue]) {
      const refused = refusal(document, by)
      expect(refused?.code).toBe(code)
      expect(refused?.checks.at(-1)).toEqual({ name: 'event log replays to the quote', ok: false })
    }
  })

  test('is not read before the quote is verified', () => {
    const [other] = [evidenceOf({ body, eventLog: '[{', nonce: Buffer.alloc(32, 9) })]
    expect(outcome(() => openEvidence(JSON.stringify(other)))).toBe('accepted')
    expect(refusal(other)?.code).toBe('report-data-mismatch')
  })

  test('gives a lease, and a worker that starts another application gets none', async () => {
    const world = setUp()
    world.policy = policy
    world.answer = async nonce => JSON.stringify(evidenceOf({ nonce, body, eventLog: JSON.stringify(log) }))
    const lease = await world.keeper.ensure()
    expect(lease.replayed?.events.find(({ name }) => name === 'compose-hash')?.payload).toEqual(
      Uint8Array.from(Buffer.from(composeHash, 'hex')),
    )
    const other = log.with(6, runtimeEvent('compose-hash', 'cd'.repeat(32), 2))
    world.answer = async nonce => JSON.stringify(evidenceOf({ nonce, body: measuredBy(other), eventLog: JSON.stringify(other) }))
    world.keeper.invalidate('asked again')
    await expect(world.keeper.ensure()).rejects.toMatchObject({ code: 'policy-refused' })
    expect(world.keeper.current()).toBeUndefined()
  })
})
