/** Logs of real machines, each with the quote that it belongs to: only where `CHRYSALIS_TDX_DATA` names a folder that has them. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkReplay, parseQuote, readEventLog, replayEventLog } from '../../../src/attestation/index.ts'
import { tdxData, whySkipped } from '../../tee/support/tdx-data.ts'
import { outcome } from '../support/outcome.ts'
import { ports } from '../support/sample.ts'

interface Shown {
  readonly name: string
  readonly quote: string
  readonly event_log: unknown
  readonly app_compose?: string
  readonly compose_hash?: string
}
const shown: Shown[] =
  tdxData === undefined
    ? []
    : readdirSync(join(tdxData, 'eventlog')).map(name => ({ name, ...JSON.parse(readFileSync(join(tdxData!, 'eventlog', name), 'utf8')) }))
const reportOf = ({ quote }: Shown) => parseQuote(Buffer.from(quote, 'hex'), { allowZeroPadding: true }).report
const replayOf = (one: Shown, crypto = ports.node) => replayEventLog(readEventLog(one.event_log), crypto)

describe.skipIf(tdxData === undefined)(`event logs of real machines${whySkipped}`, () => {
  test('are all of the set', () => {
    expect(shown).toHaveLength(5)
  })

  test.each(shown)('$name comes out at the four registers of its quote, on every port', one => {
    for (const crypto of Object.values(ports)) {
      const replayed = replayOf(one, crypto)
      checkReplay(replayed, reportOf(one))
      expect(replayed.rtmr.filter(value => value !== undefined)).toHaveLength(4)
    }
  })

  test.each(shown)('$name names the application', one => {
    const { events } = replayOf(one)
    expect(events.slice(0, 5).map(({ name }) => name)).toEqual([
      'system-preparing',
      'app-id',
      'compose-hash',
      'instance-id',
      'boot-mr-done',
    ])
    expect(events.at(-1)?.name).toBe('system-ready')
    const compose = events.find(({ name }) => name === 'compose-hash')!.payload
    expect(compose).toHaveLength(32)
    if (one.compose_hash) expect(Buffer.from(compose).toString('hex')).toBe(one.compose_hash)
    if (one.app_compose) expect(createHash('sha256').update(one.app_compose).digest().equals(compose)).toBe(true)
  })

  test('one has an event of its application, which is not read', () => {
    expect(shown.map(one => replayOf(one).later).filter(later => later > 0)).toEqual([1])
  })

  test.each(shown)('$name is none of the others’', one => {
    for (const other of shown) {
      const same = Buffer.from(reportOf(other).rtmr[3]).equals(reportOf(one).rtmr[3])
      if (!same) expect(outcome(() => checkReplay(replayOf(one), reportOf(other)))).toBe('event-log-mismatch')
    }
  })
})
