/** TLS certificates of Cocoon: made here by every change. */
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { readCocoonCertificate } from '../../../src/attestation/foreign/cocoon.ts'
import { octetString } from '../../../src/tee/der.ts'
import { certificate, type Extension, keyUsage, keyUsageBits, pem } from '../../../src/tee/index.ts'
import { outcome } from '../support/outcome.ts'
import { authority, now, stranger } from '../support/sample.ts'
import { judge } from './support.ts'

const key = generateKeyPairSync('ed25519').publicKey
const raw = (of: KeyObject) => of.export({ format: 'der', type: 'spki' }).subarray(-32)
const bound = (of: KeyObject) => createHash('sha512').update(raw(of)).digest()
const extension = (last: number, value: Uint8Array): Extension => ({ oid: `1.3.6.1.4.1.12345.${last}`, critical: true, value })
const quoteOver = (reportData: Uint8Array, by = authority) => by.issueQuote({ body: { reportData } })

function certify(extensions: readonly Extension[], publicKey = key): Buffer {
  const name = [['CN', 'localhost']] as const
  return certificate({
    serial: Buffer.of(1),
    issuer: name,
    subject: name,
    notBefore: now - 1000,
    notAfter: now + 86_400_000,
    publicKey,
    extensions: [keyUsage(keyUsageBits.digitalSignature), ...extensions],
    issuerKey: authority.keys.pckCa,
  })
}
const quote = quoteOver(bound(key))

describe('the certificate of Cocoon', () => {
  test('is verified, in DER and PEM, with its key and its end; it is not fresh', () => {
    const der = certify([extension(1, quote), extension(2, raw(key))])
    for (const document of [der, pem(der)]) expect(judge(readCocoonCertificate(document))).toBe('verified')
    expect(readCocoonCertificate(der)).toMatchObject({
      format: 'cocoon',
      fresh: false,
      keys: [{ role: 'tls', algorithm: 'Ed25519', value: raw(key).toString('hex') }],
      notAfter: now + 86_400_000,
    })
  })

  test('may have its quote in an OCTET STRING once more, and no claims', () => {
    expect(judge(readCocoonCertificate(certify([extension(1, octetString(quote))])))).toBe('verified')
    expect(judge(readCocoonCertificate(certify([extension(1, quote), extension(2, octetString(raw(key)))])))).toBe('verified')
  })

  const other = generateKeyPairSync('ed25519').publicKey
  test.each<[string, string, Buffer]>([
    ['the quote of another key', 'report-data-mismatch', certify([extension(1, quoteOver(bound(other)))])],
    [
      'the quote of a dstack guest',
      'report-data-mismatch',
      certify([extension(1, quoteOver(createHash('sha512').update('ratls-cert:').digest()))]),
    ],
    ['a quote of somebody else', 'chain-untrusted', certify([extension(1, quoteOver(bound(key), stranger))])],
  ])('with %s is not verified', (_, code, der) => {
    expect(judge(readCocoonCertificate(der))).toBe(code)
  })

  test.each<[string, Uint8Array | string]>([
    ['without a quote', certify([])],
    ['with claims of another key', certify([extension(1, quote), extension(2, raw(other))])],
    ['of a key of another kind', certify([extension(1, quote)], generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)],
    ['with a quote beyond any size', certify([extension(1, Buffer.alloc(33_000, 1))])],
    ['that is none', 'hello'],
  ])('%s is refused', (_, document) => {
    expect(outcome(() => readCocoonCertificate(document))).toBe('evidence-malformed')
  })
})
