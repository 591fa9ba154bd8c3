/** ACI reports, and the canonical JSON under them: known answers of the specification, one accept, and every way to be refused. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readAciReport } from '../../../src/attestation/foreign/aci.ts'
import { canonicalJson } from '../../../src/attestation/foreign/canonical-json.ts'
import { sha256 } from '../../../src/lib/bytes.ts'
import { outcome } from '../support/outcome.ts'
import { goodNonce, stranger } from '../support/sample.ts'
import { judge, log, quoteOver } from './support.ts'

// The specification's own vector: an example keyset, its digest, and the hash of the statement over the nonce 00 01 … 1f.
const keyset = {
  tls_public_keys: [{ spki_sha256: 'c0'.repeat(32), domain: 'api.example.com' }],
  subject: 'dstack-app://example-app',
  not_after: 1_800_000_000,
  receipt_signing_keys: [
    { key_id: 'receipt-1', public_key: '8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394', algo: 'ed25519' },
  ],
  e2ee_public_keys: [
    {
      key_id: 'e2ee-1',
      algo: 'x25519-aes-256-gcm-hkdf-sha256',
      public_key: '5dfedd3b6bd47f6fa28ee15d969d5bb0ea53774d488bdaf9df1c6e0124b3ef22',
    },
  ],
}
const digest = 'sha256:53a5cd44b30dcc51999754c719f2628a041f174ecbf9662a6f8e898a10cd9371'
const countingNonce = Buffer.from(Array.from({ length: 32 }, (_, index) => index))
const overNonce = 'df2174d28130852b413646a3786927b93e94c11d770268b65def8bdba45cb49e'
const overNone = '0633919ca3f00e97bafaa3304278eb22420cc3ff0d19f87dfca2d3f7508150bc'

/** A report over a statement that the test writes itself. */
function report(nonce: Buffer | null, o: { keyset?: object; digest?: string } = {}) {
  const named = o.digest ?? digest
  const quoted = nonce ? `"${nonce.toString('hex')}"` : 'null'
  const statement = sha256(Buffer.from(`{"keyset_digest":"${named}","nonce":${quoted},"purpose":"aci.report_data.v1"}`))
  const quote = quoteOver(Buffer.concat([statement, Buffer.alloc(32)]))
  const evidence: Record<string, unknown> = { quote, event_log: JSON.stringify(log), vm_config: '{}' }
  return {
    api_version: 'aci/1',
    workload_keyset_digest: named,
    attestation: {
      tee_type: 'tdx',
      workload_keyset: o.keyset ?? keyset,
      report_data: statement.toString('hex'),
      source_provenance: { repo_url: null },
      evidence,
    },
    service_capabilities: { serving: 'direct' },
  }
}
const good = report(goodNonce)
const inside = (change: object) => ({ ...good, attestation: { ...good.attestation, ...change } })
const verdict = (document: unknown, nonce: Uint8Array | undefined = goodNonce) => judge(readAciReport(document, nonce))

describe('an ACI report', () => {
  test('gives the known answers of the specification', () => {
    expect(Buffer.from(readAciReport(report(countingNonce), countingNonce).reportData).toString('hex')).toBe(overNonce + '00'.repeat(32))
    expect(Buffer.from(readAciReport(report(null), undefined).reportData).toString('hex')).toBe(overNone + '00'.repeat(32))
  })

  test('over our nonce is verified, with every key of its keyset and their end', () => {
    expect(verdict(good)).toBe('verified')
    const { keys, ...rest } = readAciReport(good, goodNonce)
    expect(rest).toMatchObject({ format: 'aci', fresh: true, notAfter: 1_800_000_000_000, gpu: null, eventLog: JSON.stringify(log) })
    expect(keys.map(({ role, algorithm }) => [role, algorithm])).toEqual([
      ['receipts', 'ed25519'],
      ['encryption', 'x25519-aes-256-gcm-hkdf-sha256'],
      ['tls', 'SHA-256 of the SPKI, for api.example.com'],
    ])
  })

  test('over no nonce is verified, and not fresh', () => {
    expect(judge(readAciReport(report(null), undefined))).toBe('verified')
    expect(readAciReport(report(null), undefined).fresh).toBe(false)
  })

  test('may show its keyset in any order, and other members', () => {
    const turned = Object.fromEntries(Object.entries(keyset).reverse())
    expect(verdict(inside({ workload_keyset: turned }))).toBe('verified')
    expect(verdict({ ...good, more: 1 })).toBe('verified')
    const more = { ...keyset, tls_public_keys: null, extension: { b: 1, a: [true, 'ü'] } }
    const named = `sha256:${sha256(Buffer.from(canonicalJson(more))).toString('hex')}`
    expect(verdict(report(goodNonce, { keyset: more, digest: named }))).toBe('verified')
  })

  test.each<[string, object]>([
    ['over another nonce', report(Buffer.alloc(32, 7))],
    ['over none, when we gave one', report(null)],
    [
      'over another nonce, and ours in its statement',
      {
        ...report(Buffer.alloc(32, 7)),
        ...{ attestation: { ...report(Buffer.alloc(32, 7)).attestation, report_data: good.attestation.report_data } },
      },
    ],
    ['with another key', inside({ workload_keyset: { ...keyset, receipt_signing_keys: [] } })],
    ['with a member more in its keyset', inside({ workload_keyset: { ...keyset, more: null } })],
    ['with another end of its keys', inside({ workload_keyset: { ...keyset, not_after: 1_900_000_000 } })],
    ['with another digest', { ...good, workload_keyset_digest: `sha256:${'00'.repeat(32)}` }],
    ['with another digest and a statement of it, for this keyset', report(goodNonce, { digest: `sha256:${'00'.repeat(32)}` })],
    ['with another hash of its statement', inside({ report_data: '00'.repeat(32) })],
  ])('%s is refused', (_, document) => {
    const code = outcome(() => readAciReport(document, goodNonce))
    expect(code === 'accepted' ? verdict(document) : code).toBe('report-data-mismatch')
  })

  test.each<[string, string, object]>([
    ['a log of another guest', 'event-log-mismatch', { event_log: JSON.stringify(log.slice(1)) }],
    ['a quote of somebody else', 'chain-untrusted', { quote: stranger.issueQuote().toString('hex') }],
    ['a quote over something else', 'report-data-mismatch', { quote: quoteOver(Buffer.alloc(64)) }],
    [
      'the statement’s hash, and something behind it',
      'report-data-mismatch',
      { quote: quoteOver(Buffer.from(good.attestation.report_data + '01'.repeat(32), 'hex')) },
    ],
  ])('with %s is not verified', (_, code, change) => {
    expect(verdict(inside({ evidence: { ...good.attestation.evidence, ...change } }))).toBe(code)
  })

  test.each<[string, unknown]>([
    ['nothing', null],
    ['empty', {}],
    ['of another version', { ...good, api_version: 'aci/2' }],
    ['of another TEE', inside({ tee_type: 'sev_snp' })],
    ['without a keyset', inside({ workload_keyset: undefined })],
    ['with a keyset that is a text', inside({ workload_keyset: JSON.stringify(keyset) })],
    ['with a digest in capitals', { ...good, workload_keyset_digest: digest.toUpperCase() }],
    ['without evidence', inside({ evidence: {} })],
    ['with a quote that is no hex', inside({ evidence: { quote: 'xy' } })],
    ['without an end of its keys', inside({ workload_keyset: { ...keyset, not_after: undefined } })],
    ['with an end in a text', inside({ workload_keyset: { ...keyset, not_after: '1800000000' } })],
    ['with a key without an algorithm', inside({ workload_keyset: { ...keyset, e2ee_public_keys: [{ key_id: 'a', public_key: 'b' }] } })],
    ['with a TLS key of 31 bytes', inside({ workload_keyset: { ...keyset, tls_public_keys: [{ spki_sha256: 'ab'.repeat(31) }] } })],
    ['with a keyset too deep', inside({ workload_keyset: { ...keyset, deep: JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`) } })],
    ['with a keyset with half a surrogate pair', inside({ workload_keyset: { ...keyset, subject: '\ud800' } })],
    ['with a keyset with a number that no double holds', inside({ workload_keyset: { ...keyset, more: JSON.parse('1e400') } })],
  ])('that is %s is refused', (_, document) => {
    expect(outcome(() => readAciReport(document, goodNonce))).toBe('evidence-malformed')
  })
})

describe('canonical JSON', () => {
  test('is the example of RFC 8785', () => {
    const value = JSON.parse('{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"literals":[null,true,false]}')
    expect(canonicalJson(value)).toBe('{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}')
  })

  test('orders members by their UTF-16 units', () => {
    const names = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6']
    const value = Object.fromEntries(names.map((name, index) => [name, index]))
    expect(Object.keys(JSON.parse(canonicalJson({ list: Object.keys(value) })).list)).toHaveLength(7)
    expect([...canonicalJson(value).matchAll(/:(\d)/g)].map(([, index]) => names[Number(index)])).toEqual([
      '\r',
      '1',
      '\u0080',
      '\u00f6',
      '\u20ac',
      '\ud83d\ude00',
      '\ufb33',
    ])
  })

  test('is one text for one value, however its members stand, and the same value again', () => {
    const turned = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(turned)
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([name, member]) => [name, turned(member)]),
      )
    }
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), value => {
        const parsed: unknown = JSON.parse(JSON.stringify(value))
        expect(canonicalJson(turned(parsed))).toBe(canonicalJson(parsed))
        expect(JSON.parse(canonicalJson(parsed))).toEqual(parsed)
      }),
    )
  })
})
