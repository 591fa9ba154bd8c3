/** Quotes of real machines with what Intel said of them on a day: every case of the data set, with its expected verdict part by part. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type CollateralParts, intelRootDer, loadCollateral, parseQuote, verifyQuote } from '../../../src/attestation/index.ts'
import { tdxData, whySkipped } from '../../tee/support/tdx-data.ts'
import { outcome } from '../support/outcome.ts'

interface Case {
  readonly quote: string
  readonly collateral: string
  /** Seconds. */
  readonly now: number
  readonly nowIso: string
  readonly tcbStatus: string
  readonly platform?: string
  readonly module?: string
  readonly qe?: string
  readonly advisoryIDs: readonly string[]
  readonly tcbDate?: string
}

interface RealQuoteFacts {
  readonly id: string
  readonly version: number
  readonly bodyType: number
  readonly fmspc: string
  readonly mrTd: string
  readonly mrSeam: string
  readonly rtmr: readonly string[]
  readonly tdAttributes: string
  readonly xfam: string
  readonly reportData: string
  readonly qeIsvSvn: number
}

const index: { quotes: RealQuoteFacts[]; cases: Case[] } =
  tdxData === undefined ? { quotes: [], cases: [] } : JSON.parse(readFileSync(join(tdxData, 'index.json'), 'utf8'))

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const quoteBytes = (id: string) => readFileSync(join(tdxData!, 'quotes', `${id}.bin`))

function partsOf(set: string): CollateralParts {
  const file = (name: string) => readFileSync(join(tdxData!, 'collateral', set, name))
  return {
    tcbInfo: file('tcb_info.json').toString('utf8'),
    qeIdentity: file('qe_identity.json').toString('utf8'),
    pckCrl: file('pck_crl.der'),
    rootCaCrl: file('root_ca_crl.der'),
    tcbIssuerChain: file('tcb_issuer_chain.pem').toString('utf8'),
    pckCrlIssuerChain: file('pck_crl_issuer_chain.pem').toString('utf8'),
  }
}

function verify({ quote, collateral, now }: Case, bytes: Uint8Array = quoteBytes(quote)) {
  return verifyQuote(parseQuote(bytes), loadCollateral(partsOf(collateral), now * 1000, intelRootDer), now * 1000)
}

describe.skipIf(whySkipped)(`real quotes, as Intel’s rule judges them${whySkipped}`, () => {
  const judged = index.cases.filter(item => item.tcbStatus !== 'NotSupported')
  const unknown = index.cases.filter(item => item.tcbStatus === 'NotSupported')

  test.each(judged)('$quote on $nowIso with $collateral is $tcbStatus', item => {
    const facts = verify(item)
    expect({ ...facts, advisories: [...facts.advisories].sort() }).toMatchObject({
      status: item.tcbStatus,
      platform: item.platform,
      // The base module has no levels of its own, which counts as up to date.
      module: item.module ?? 'UpToDate',
      qe: item.qe,
      advisories: [...item.advisoryIDs].sort(),
      tcbDate: item.tcbDate,
      evaluationNumber: Number(/-e(\d+)$/.exec(item.collateral)![1]),
    })
    expect(facts.checks.every(check => check.ok)).toBe(true)
  })

  test.each(unknown)('$quote on $nowIso with $collateral has no TCB level', item => {
    expect(outcome(() => verify(item))).toBe('tcb-not-supported')
  })

  test('there are all ninety-six of them', () => {
    expect([judged.length, unknown.length]).toEqual([78, 18])
  })

  test.each(index.quotes)('$id is read field by field', facts => {
    const { version, bodyType, report, qeReport } = parseQuote(quoteBytes(facts.id))
    expect({
      version,
      bodyType,
      mrTd: hex(report.mrTd),
      mrSeam: hex(report.mrSeam),
      rtmr: report.rtmr.map(hex),
      tdAttributes: hex(report.tdAttributes),
      xfam: hex(report.xfam),
      reportData: hex(report.reportData),
      qeIsvSvn: qeReport.isvSvn,
    }).toEqual({
      version: facts.version,
      bodyType: facts.bodyType,
      mrTd: facts.mrTd,
      mrSeam: facts.mrSeam,
      rtmr: facts.rtmr,
      tdAttributes: facts.tdAttributes,
      xfam: facts.xfam,
      reportData: facts.reportData,
      qeIsvSvn: facts.qeIsvSvn,
    })
  })

  test.each(judged.slice(0, 8))('$quote with one byte of its MRTD changed is refused', item => {
    const bytes = quoteBytes(item.quote)
    const mrTd = (bytes.readUInt16LE(0) === 5 ? 54 : 48) + 136
    bytes[mrTd]! ^= 1
    expect(outcome(() => verify(item, bytes))).toBe('quote-signature-invalid')
  })

  test('collateral of a real set is refused before it begins and from the moment it ends', () => {
    const item = judged[0]!
    const parts = partsOf(item.collateral)
    const { validFrom, validUntil } = loadCollateral(parts, item.now * 1000, intelRootDer)
    const at = (ms: number) => outcome(() => loadCollateral(parts, ms, intelRootDer))
    expect([at(validFrom), at(validUntil - 1)]).toEqual(['accepted', 'accepted'])
    expect([at(validFrom - 1), at(validUntil)]).not.toContain('accepted')
  })
})
