/** Certificates by themselves: version, algorithms, names and keys that Intel's PKI does not have are not read at all. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { nodeCrypto } from '../../../src/attestation/index.ts'
import { readAll, readOne, tags } from '../../../src/attestation/tdx/der.ts'
import { checkRevocation, parseCertificate, parseCrl, roles, verifyCrl, verifyIssued } from '../../../src/attestation/tdx/x509.ts'
import * as der from '../../../src/tee/der.ts'
import { basicConstraints, type CertificateSpec, type Edit, keyUsage, keyUsageBits } from '../../../src/tee/index.ts'
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
  const point = createPublicKey(authority.keys.pck).export({ format: 'der', type: 'spki' }).subarray(-65)
  const ecKey = bytes('06072a8648ce3d0201')
  const filled = (size: number) =>
    issued(spec => ({ ...spec, extensions: [...spec.extensions, { oid: '1.2.3', critical: false, value: Buffer.alloc(size) }] }))
  /** Of just so many bytes; the signature's own size differs by a byte or two from one to the next. */
  const sized = (size: number) => {
    let der = filled(size)
    while (der.length !== size) der = filled(size - (filled(size).length - size))
    return der
  }
  /** The certificate with other elements at the end of what is signed. */
  const ending = (change: (last: Buffer) => Buffer[]) => {
    const [tbs, algorithm, signature] = readAll(readOne(pck, tags.sequence).contents).map(element => Buffer.from(element.raw))
    const elements = readAll(readOne(tbs!, tags.sequence).contents).map(element => Buffer.from(element.raw))
    return der.sequence(der.sequence(...elements.slice(0, -1), ...change(elements.at(-1)!)), algorithm!, signature!)
  }
  test.each<[string, Buffer]>([
    ['version 2', patched(bytes('a003020102'), bytes('a003020101'))],
    ['a version under another tag', patched(bytes('a003020102'), bytes('a103020102'))],
    ['another algorithm inside', patched(ecdsaWithSha256, bytes('06082a8648ce3d040303'), 1)],
    ['another algorithm outside', patched(ecdsaWithSha256, bytes('06082a8648ce3d040303'), 2)],
    ['a key of another kind', issued(spec => ({ ...spec, publicKey: generateKeyPairSync('ed25519').publicKey }))],
    ['a key on another curve', issued(spec => ({ ...spec, publicKey: generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey }))],
    [
      'a key on a curve of the same size',
      issued(spec => ({ ...spec, publicKey: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey })),
    ],
    ['a key of the same size, of another kind', patched(ecKey, bytes('06072a8648ce3d0202'))],
    ['a point in its hybrid form', patched(point, Buffer.concat([Buffer.of(6 + (point[64]! & 1)), point.subarray(1)]))],
    ['a point that is cut off', cutPoint()],
    ['no extensions', ending(() => [])],
    ['something else in place of its extensions', ending(last => [Buffer.concat([Buffer.of(0xa2), last.subarray(1)])])],
    ['something before its extensions', ending(last => [bytes('a1020500'), last])],
    ['something after its extensions', ending(last => [last, bytes('a1020500')])],
    ['two common names', issued(spec => ({ ...spec, subject: [...spec.subject, ['CN', 'Another']] }))],
    ['no common name', issued(spec => ({ ...spec, subject: spec.subject.slice(1) }))],
    ['a serial number of 22 bytes', issued(spec => ({ ...spec, serial: Buffer.alloc(22, 0x11) }))],
    ['an extension twice', issued(spec => ({ ...spec, extensions: [...spec.extensions, usage] }))],
    ['more than 8 KB', sized(8 * 1024 + 1)],
    ['a byte after it', Buffer.concat([pck, Buffer.of(0)])],
  ])('is not read with %s', (_, der) => {
    expect(outcome(() => parseCertificate(der))).toBe('certificate-malformed')
  })

  test('may be of 8 KB', () => {
    expect(outcome(() => parseCertificate(sized(8 * 1024)))).toBe('accepted')
  })

  /** The leaf with a byte less of its key, the lengths around it made right. */
  function cutPoint(): Buffer {
    const [tbs, algorithm, signature] = readAll(readOne(pck, tags.sequence).contents).map(element => Buffer.from(element.raw))
    const elements: Buffer[] = readAll(readOne(tbs!, tags.sequence).contents).map(element => Buffer.from(element.raw))
    const [kind] = readAll(readOne(elements[6]!, tags.sequence).contents)
    elements[6] = der.sequence(Buffer.from(kind!.raw), der.bitString(point.subarray(0, 64)))
    return der.sequence(der.sequence(...elements), algorithm!, signature!)
  }

  test.each([
    ['is a CA and may not sign certificates', keyUsageBits.cRLSign, true],
    ['may sign certificates and is no CA', keyUsageBits.keyCertSign, false],
  ] as const)('is issued by no certificate that %s', (_, bit, ca) => {
    const edit: Edit<CertificateSpec> = spec => ({ ...spec, extensions: [basicConstraints(ca), keyUsage(bit)] })
    const issuer = parseCertificate(authority.with({ pckCa: edit }).certificates.pckCa)
    expect(outcome(() => verifyIssued(parseCertificate(pck), issuer, roles.pck, now, nodeCrypto))).toBe('chain-untrusted')
  })

  test('signs no revocation list unless it may', () => {
    const edit =
      (...bits: number[]): Edit<CertificateSpec> =>
      spec => ({ ...spec, extensions: [basicConstraints(true), keyUsage(...bits)] })
    const list = parseCrl(authority.collateral(now).pckCrl)
    const signedBy = (...bits: number[]) =>
      outcome(() =>
        verifyCrl(list, parseCertificate(authority.with({ pckCa: edit(...bits) }).certificates.pckCa), 'PCK CRL', now, nodeCrypto),
      )
    expect([signedBy(keyUsageBits.cRLSign), signedBy(keyUsageBits.keyCertSign)]).toEqual(['accepted', 'crl-untrusted'])
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
