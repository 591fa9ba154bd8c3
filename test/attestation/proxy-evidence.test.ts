/** What a proxy shows of itself: read strictly, and never taken for a worker's. */
import { describe, expect, it } from 'vitest'
import {
  encodeProxyStatement,
  isProxyEvidence,
  type ProxyStatement,
  parseEvidence,
  parseProxyEvidence,
  proxyReportData,
  reportData,
} from '../../src/attestation/index.ts'
import { toBase64 } from '../../src/lib/bytes.ts'
import { evidenceOf, goodNonce } from './support/sample.ts'

const malformed = expect.objectContaining({ code: 'evidence-malformed' })
const good: ProxyStatement = {
  role: 'proxy',
  not_after: 1_800_000_000_000,
  chain: -239,
  payee: `0:${'ab'.repeat(32)}`,
  payee_key: 'cd'.repeat(32),
  tls_spki: null,
  software: { image_digest: `sha256:${'ef'.repeat(32)}`, version: '1.0.0' },
}
const document = (statement: Uint8Array, more: object = {}) =>
  Buffer.from(
    JSON.stringify({
      version: 1,
      nonce: goodNonce.toString('hex'),
      proxy: toBase64(statement),
      tee: { type: 'tdx', quote: toBase64(Buffer.from('quote')) },
      ...more,
    }),
  )

describe('a proxy’s document', () => {
  it('is read as it was written', () => {
    const bytes = encodeProxyStatement(good)
    expect(parseProxyEvidence(document(bytes))).toEqual({
      statement: good,
      statementBytes: bytes,
      quote: Buffer.from('quote'),
      eventLog: undefined,
    })
  })

  it.each<[string, Buffer]>([
    ['no JSON', Buffer.from('hello')],
    ['another version', document(encodeProxyStatement(good), { version: 2 })],
    ['a statement that is not in its plain form', document(Buffer.from(JSON.stringify(good, null, 1)))],
    ['a statement of another role', document(Buffer.from(JSON.stringify({ ...good, role: 'worker' })))],
    ['a statement without a key', document(Buffer.from(JSON.stringify({ ...good, payee_key: undefined })))],
    ['a key in capitals', document(Buffer.from(JSON.stringify({ ...good, payee_key: 'CD'.repeat(32) })))],
    ['base64 that is not canonical', document(encodeProxyStatement(good), { proxy: 'e30' })],
    ['more bytes than any document', Buffer.alloc(3_000_000, ' ')],
  ])('of %s is refused', (_, bytes) => {
    expect(() => parseProxyEvidence(bytes)).toThrow(malformed)
  })

  it('is not a worker’s, nor a worker’s a proxy’s', () => {
    const worker = Buffer.from(JSON.stringify(evidenceOf()))
    expect([isProxyEvidence(worker), isProxyEvidence(document(encodeProxyStatement(good))), isProxyEvidence(Buffer.from('{'))]).toEqual([
      false,
      true,
      false,
    ])
    expect(() => parseEvidence(document(encodeProxyStatement(good)))).toThrow(malformed)
    expect(() => parseProxyEvidence(worker)).toThrow(malformed)
  })

  it('is bound by other bytes than a worker’s would be', () => {
    const bytes = encodeProxyStatement(good)
    expect(proxyReportData(goodNonce, bytes)).toHaveLength(64)
    expect(proxyReportData(goodNonce, bytes)).not.toEqual(reportData(goodNonce, bytes, null))
    expect(proxyReportData(goodNonce, bytes)).not.toEqual(proxyReportData(Buffer.alloc(32), bytes))
    expect(proxyReportData(goodNonce, bytes)).not.toEqual(proxyReportData(goodNonce, encodeProxyStatement({ ...good, chain: -3 })))
    expect(() => proxyReportData(Buffer.alloc(31), bytes)).toThrow(RangeError)
  })
})
