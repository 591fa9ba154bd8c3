/** Certificates by themselves: version, algorithms, names and keys that Intel's PKI does not have are not read at all. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { nodeCrypto } from '../../../src/attestation/index.ts'
import { checkRevocation, parseCertificate, parseCrl, roles, verifyIssued } from '../../../src/attestation/tdx/x509.ts'
import { type CertificateSpec, type Edit, keyUsage } from '../../../src/tee/index.ts'
import { outcome } from '../support/outcome.ts'
import { authority, now } from '../support/sample.ts'

const { pck, root } = authority.certificates
const bytes = (hex: string) => Buffer.from(hex, 'hex')
const ecdsaWithSha256 = bytes('06082a8648ce3d040302')

/** The PCK certificate with the nth `from` replaced by `to`, of the same size. */
function patched(from: Buffer, to: Buffer, nth = 1): Buffer {
  const copy = Buffer.from(pck)
  let at = -1
  for (let count = 0; count < nth; count++) at = copy.indexOf(from, at + 1)
  expect(at).toBeGreaterThan(0)
  to.copy(copy, at)
  return copy
}
const issued = (edit: Edit<CertificateSpec>) => authority.with({ pck: edit }).certificates.pck

describe('a certificate', () => {
  test('is read as it was issued', () => {
    const { serial, commonName, notBefore, isCa, pathLength, keyUsage, publicKey } = parseCertificate(pck)
    expect(serial).toBe(BigInt(`0x${Buffer.from(authority.profile.serials.pck).toString('hex')}`))
    expect([commonName, isCa, pathLength]).toEqual(['Chrysalis Development SGX PCK Certificate', false, undefined])
    expect(keyUsage).toEqual({ digitalSignature: true, certSign: false, crlSign: false })
    expect(notBefore).toBeLessThan(now)
    expect(publicKey.subarray(1)).toEqual(createPublicKey(authority.keys.pck).export({ format: 'der', type: 'spki' }).subarray(-64))
    expect(parseCertificate(root)).toMatchObject({ isCa: true, pathLength: 1, keyUsage: { certSign: true, crlSign: true } })
  })

  const usage = keyUsage(0)
  test.each<[string, Buffer]>([
    ['version 2', patched(bytes('a003020102'), bytes('a003020101'))],
    ['another algorithm inside', patched(ecdsaWithSha256, bytes('06082a8648ce3d040303'), 1)],
    ['another algorithm outside', patched(ecdsaWithSha256, bytes('06082a8648ce3d040303'), 2)],
    ['a key of another kind', issued(spec => ({ ...spec, publicKey: generateKeyPairSync('ed25519').publicKey }))],
    ['a key on another curve', issued(spec => ({ ...spec, publicKey: generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey }))],
    ['two common names', issued(spec => ({ ...spec, subject: [...spec.subject, ['CN', 'Another']] }))],
    ['no common name', issued(spec => ({ ...spec, subject: spec.subject.slice(1) }))],
    ['a serial number of 22 bytes', issued(spec => ({ ...spec, serial: Buffer.alloc(22, 0x11) }))],
    ['an extension twice', issued(spec => ({ ...spec, extensions: [...spec.extensions, usage] }))],
    ['more than 8 KB', Buffer.concat([pck, Buffer.alloc(8 * 1024)])],
    ['a byte after it', Buffer.concat([pck, Buffer.of(0)])],
  ])('is not read with %s', (_, der) => {
    expect(outcome(() => parseCertificate(der))).toBe('certificate-malformed')
  })

  test('is issued by no certificate that is no CA, whatever its role', () => {
    const subject = parseCertificate(pck).subject
    let names: CertificateSpec['subject'] = []
    issued(spec => {
      names = spec.subject
      return spec
    })
    const child = authority.with({ tcbSigner: spec => ({ ...spec, issuer: names, issuerKey: authority.keys.pck }) }).certificates.tcbSigner
    expect(parseCertificate(child).issuer).toEqual(subject)
    expect(outcome(() => verifyIssued(parseCertificate(child), parseCertificate(pck), roles.tcbSigner, now, nodeCrypto))).toBe(
      'chain-untrusted',
    )
  })

  test('is revoked by its serial number, whatever zeros stand before it', () => {
    const { pckCrl } = authority
      .with({ pckCrl: crl => ({ ...crl, revoked: [Buffer.concat([Buffer.of(0), authority.profile.serials.pck])] }) })
      .collateral(now)
    expect(outcome(() => checkRevocation(parseCertificate(pck), parseCrl(pckCrl), roles.pck))).toBe('certificate-revoked')
    expect(outcome(() => checkRevocation(parseCertificate(root), parseCrl(pckCrl), roles.root))).toBe('accepted')
  })
})
