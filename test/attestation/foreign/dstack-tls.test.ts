/** TLS certificates of dstack guests: made here by every change, and a real one where there is one. */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readDstackCertificate } from '../../../src/attestation/foreign/dstack-tls.ts'
import { nodeCrypto, parseQuote, verifyEventLog } from '../../../src/attestation/index.ts'
import { octetString } from '../../../src/tee/der.ts'
import { certificate, type Extension, keyUsage, keyUsageBits, pem } from '../../../src/tee/index.ts'
import { tdxData, whySkipped } from '../../tee/support/tdx-data.ts'
import { outcome } from '../support/outcome.ts'
import { authority, now, stranger } from '../support/sample.ts'
import { judge, log, quoteOver } from './support.ts'

const issuerKey = authority.keys.pckCa
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
const ed25519 = generateKeyPairSync('ed25519').publicKey
const bound = (key: KeyObject) =>
  createHash('sha512')
    .update('ratls-cert:')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest()
const extension = (last: number, value: Uint8Array): Extension => ({ oid: `1.3.6.1.4.1.62397.1.${last}`, critical: false, value })
const quoteIn = (hex: string) => extension(1, octetString(Buffer.from(hex, 'hex')))
const logIn = (text: string) => extension(2, octetString(Buffer.from(text)))

function certify(extensions: readonly Extension[], key = ec): Buffer {
  const name = [['CN', 'app']] as const
  return certificate({
    serial: Buffer.of(1),
    issuer: name,
    subject: name,
    notBefore: now - 1000,
    notAfter: now + 86_400_000,
    publicKey: key,
    extensions: [keyUsage(keyUsageBits.digitalSignature), ...extensions],
    issuerKey,
  })
}
const good = [quoteIn(quoteOver(bound(ec))), logIn(JSON.stringify(log))]

describe('the certificate of a dstack guest', () => {
  test('is verified, in DER and in PEM, with its key and its end; it is not fresh', () => {
    const der = certify(good)
    for (const document of [der, pem(der), `\n${pem(der, certify([]))}`]) expect(judge(readDstackCertificate(document))).toBe('verified')
    const spki = ec.export({ format: 'der', type: 'spki' }).toString('hex')
    expect(readDstackCertificate(der)).toMatchObject({
      format: 'dstack-tls',
      fresh: false,
      keys: [{ role: 'tls', value: spki }],
      notAfter: now + 86_400_000,
    })
  })

  test('may be of a key of another kind, and without a log', () => {
    const shown = readDstackCertificate(certify([quoteIn(quoteOver(bound(ed25519)))], ed25519))
    expect(judge(shown)).toBe('verified')
    expect(shown.eventLog).toBeUndefined()
  })

  test.each<[string, string, readonly Extension[]]>([
    ['a quote over another key', 'report-data-mismatch', [quoteIn(quoteOver(bound(ed25519)))]],
    [
      'a quote over the bare key',
      'report-data-mismatch',
      [
        quoteIn(
          quoteOver(
            createHash('sha512')
              .update(ec.export({ format: 'der', type: 'spki' }))
              .digest(),
          ),
        ),
      ],
    ],
    ['a log of another guest', 'event-log-mismatch', [good[0]!, logIn(JSON.stringify(log.slice(1)))]],
    ['a log that is none', 'event-log-malformed', [good[0]!, logIn('x')]],
    ['a quote of somebody else', 'chain-untrusted', [quoteIn(stranger.issueQuote().toString('hex'))]],
  ])('with %s is not verified', (_, code, extensions) => {
    expect(judge(readDstackCertificate(certify(extensions)))).toBe(code)
  })

  const der = certify(good)
  test.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['no PEM', 'certificate'],
    ['PEM of something else', pem(der).replaceAll('CERTIFICATE', 'PUBLIC KEY')],
    ['PEM with text before it', `x${pem(der)}`],
    ['no DER', Buffer.alloc(0)],
    ['cut short', der.subarray(0, -1)],
    ['followed by something', Buffer.concat([der, Buffer.of(0)])],
    ['without extensions of its own', certify([])],
    ['without a quote', certify([logIn('[]')])],
    ['with a quote twice', certify([good[0]!, good[0]!])],
    ['with a quote that is bare', certify([extension(1, Buffer.from(quoteOver(bound(ec)), 'hex'))])],
    ['with a log that is bare', certify([good[0]!, extension(2, Buffer.from('[]'))])],
    ['with evidence in the newer form only', certify([extension(8, octetString(Buffer.of(1)))])],
    ['beyond any size', Buffer.concat([der, Buffer.alloc(64 * 1024)])],
  ])('that is %s is refused', (_, document) => {
    expect(outcome(() => readDstackCertificate(document))).toBe('evidence-malformed')
  })
})

test.skipIf(tdxData === undefined)(`a real certificate is bound to its key, and has its log${whySkipped}`, () => {
  const { quote, reportData, eventLog, keys } = readDstackCertificate(readFileSync(join(tdxData!, 'formats/dstack-ratls-cert.pem'), 'utf8'))
  const { report } = parseQuote(quote, { allowZeroPadding: true })
  expect(Buffer.from(report.reportData)).toEqual(reportData)
  expect(verifyEventLog(eventLog, report, nodeCrypto).events.map(({ name }) => name)).toContain('compose-hash')
  expect(createPublicKey({ key: Buffer.from(keys[0]!.value, 'hex'), format: 'der', type: 'spki' }).asymmetricKeyType).toBe('ec')
})
