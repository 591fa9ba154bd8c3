/** Answers of a dstack guest's agent, passed on: our own by every change, and a real one where there is one. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readDstackQuote } from '../../../src/attestation/foreign/dstack.ts'
import { nodeCrypto, parseQuote, verifyEventLog } from '../../../src/attestation/index.ts'
import { tdxData, whySkipped } from '../../tee/support/tdx-data.ts'
import { outcome } from '../support/outcome.ts'
import { goodNonce, stranger } from '../support/sample.ts'
import { judge, log, quoteOver } from './support.ts'

const zeros = Buffer.alloc(32)
const good = {
  quote: quoteOver(Buffer.concat([goodNonce, zeros])),
  event_log: JSON.stringify(log),
  report_data: goodNonce.toString('hex'),
  vm_config: '{}',
}

describe('an answer of the guest’s agent', () => {
  test('over our nonce is verified, and says of no key', () => {
    expect(judge(readDstackQuote(good, goodNonce))).toBe('verified')
    expect(readDstackQuote(good, goodNonce)).toMatchObject({ format: 'dstack', fresh: true, keys: [], gpu: null, notAfter: undefined })
  })

  test('without our nonce is over what it names, and not fresh', () => {
    expect(judge(readDstackQuote(good, undefined))).toBe('verified')
    expect(readDstackQuote(good, undefined).fresh).toBe(false)
    const whole = quoteOver(Buffer.alloc(64, 5))
    expect(judge(readDstackQuote({ quote: whole, report_data: '05'.repeat(64) }, undefined))).toBe('verified')
  })

  test.each<[string, string, object]>([
    ['another nonce', 'report-data-mismatch', { quote: quoteOver(Buffer.concat([Buffer.alloc(32, 7), zeros])) }],
    ['our nonce and something behind it', 'report-data-mismatch', { quote: quoteOver(Buffer.concat([goodNonce, Buffer.alloc(32, 1)])) }],
    ['a log of another guest', 'event-log-mismatch', { event_log: JSON.stringify(log.slice(1)) }],
    ['a quote of somebody else', 'chain-untrusted', { quote: stranger.issueQuote().toString('hex') }],
  ])('with %s is not verified', (_, code, change) => {
    expect(judge(readDstackQuote({ ...good, ...change }, goodNonce))).toBe(code)
  })

  test('does not make its own nonce ours', () => {
    const other = { ...good, quote: quoteOver(Buffer.concat([Buffer.alloc(32, 7), zeros])), report_data: '07'.repeat(32) }
    expect(judge(readDstackQuote(other, undefined))).toBe('verified')
    expect(judge(readDstackQuote(other, goodNonce))).toBe('report-data-mismatch')
  })

  test.each<[string, unknown]>([
    ['nothing', null],
    ['without a quote', { ...good, quote: undefined }],
    ['with a quote that is no hex', { ...good, quote: 'AAA=' }],
    ['with report data of 65 bytes', { ...good, report_data: '00'.repeat(65) }],
    ['with report data in a list', { ...good, report_data: [] }],
    ['silent on what its quote is over', { ...good, report_data: undefined }],
    ['of an empty text on what its quote is over', { ...good, report_data: '' }],
  ])('that is %s is refused', (_, document) => {
    expect(outcome(() => readDstackQuote(document, undefined))).toBe('evidence-malformed')
  })
})

test.skipIf(tdxData === undefined)(`a real answer says what its quote is over, and has its log${whySkipped}`, () => {
  const document: unknown = JSON.parse(readFileSync(join(tdxData!, 'eventlog/dstack-verifier-fixture.json'), 'utf8'))
  const { quote, reportData, eventLog } = readDstackQuote(document, undefined)
  const { report } = parseQuote(quote, { allowZeroPadding: true })
  expect(Buffer.from(report.reportData)).toEqual(reportData)
  expect(verifyEventLog(eventLog, report, nodeCrypto).events).toHaveLength(7)
})
