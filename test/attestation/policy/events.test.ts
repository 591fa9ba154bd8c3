/** RTMR3 by values and by event log (checklist row 35): one accept and every reject. */
import { describe, expect, test } from 'vitest'
import type { Policy, ReplayedEvents } from '../../../src/attestation/index.ts'
import { appraisal, goodFacts, reasons } from '../support/appraisal.ts'

const rtmr3 = goodFacts.report.rtmr[3]
const event = (name: string, hex = '') => ({ name, payload: Buffer.from(hex, 'hex') })
const compose = 'ab'.repeat(32)
const log: ReplayedEvents = {
  rtmr3,
  events: [event('system-preparing'), event('app-id', '0102'), event('compose-hash', compose), event('system-ready')],
}
const asks = (events: Record<string, 'any' | string[]>): Partial<Policy> => ({ rtmr3: { events } })

describe('RTMR3 by its event log', () => {
  test('is accepted where the log replays, and each event has a listed payload', () => {
    const change = { replayed: log, policy: asks({ 'compose-hash': ['00', compose], 'app-id': 'any', 'system-ready': [''] }) }
    expect(reasons(change)).toEqual([])
    const names = appraisal(change).checks.map(({ name }) => name)
    expect(names).toContain('event log replays to RTMR3')
    expect(names).toContain('event compose-hash is accepted')
    expect(names).not.toContain('RTMR3 is in the policy')
  })

  test('is refused without a log, and nothing of it counts', () => {
    expect(reasons({ policy: asks({ 'app-id': 'any' }) })).toEqual([
      'no event log is shown, which RTMR3 is judged by',
      'event app-id stands nowhere in the boot’s part of the event log',
    ])
  })

  test('is refused where the log replays to something else, and nothing of it counts', () => {
    const other = Buffer.from(rtmr3)
    other[47]! ^= 1
    expect(reasons({ replayed: { ...log, rtmr3: other }, policy: asks({ 'app-id': 'any' }) })).toEqual([
      'the event log does not replay to RTMR3',
      'event app-id stands nowhere in the boot’s part of the event log',
    ])
  })

  test.each<[string, Record<string, 'any' | string[]>, string]>([
    ['another payload', { 'app-id': ['0103'] }, 'event app-id is 0102, which is not in the policy'],
    ['a payload that only begins so', { 'app-id': ['01'] }, 'event app-id is 0102, which is not in the policy'],
    ['an event that is not there', { 'os-image-hash': 'any' }, 'event os-image-hash stands nowhere in the boot’s part of the event log'],
  ])('is refused with %s', (_, events, reason) => {
    expect(reasons({ replayed: log, policy: asks(events) })).toEqual([reason])
  })

  test('is refused with an event twice, be it the same', () => {
    const twice = { rtmr3, events: [...log.events, event('app-id', '0102')] }
    expect(reasons({ replayed: twice, policy: asks({ 'app-id': 'any' }) })).toEqual(['event app-id stands 2 times in the event log'])
  })

  test('is each event’s own: a good one does not stand for another', () => {
    expect(reasons({ replayed: log, policy: asks({ 'app-id': [compose], 'compose-hash': ['0102'] }) })).toHaveLength(2)
  })
})

test('RTMR3 by values does not look at a log', () => {
  expect(reasons({ replayed: { rtmr3: Buffer.alloc(48, 1), events: [] } })).toEqual([])
})
