/** The crypto ports: each primitive with known answers and with everything that is no signature. Whole verifications run on every port in `judge`. */
import { createPublicKey, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { parseCertificate } from '../../../src/attestation/tdx/x509.ts'
import { generateP256Key } from '../../../src/tee/index.ts'
import { seededRandom } from '../../tee/support/seeded-random.ts'
import { authority, ports } from '../support/sample.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const scalar = (value: bigint) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex')

describe.each(Object.entries(ports))('the %s port', (_, crypto) => {
  const { publicKey: other, tbs, signature } = parseCertificate(authority.certificates.pck)
  const issuer = parseCertificate(authority.certificates.pckCa).publicKey

  test('hashes its parts as one', () => {
    // FIPS 180-4, the examples for SHA-256.
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    expect(hex(crypto.sha256(Buffer.from('abc')))).toBe(abc)
    expect(hex(crypto.sha256(Buffer.from('a'), Buffer.alloc(0), Buffer.from('bc')))).toBe(abc)
    expect(hex(crypto.sha256())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  })

  test('hashes its parts as one with SHA-384 too', () => {
    // FIPS 180-4, the examples for SHA-384.
    const abc = 'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7'
    expect(hex(crypto.sha384(Buffer.from('abc')))).toBe(abc)
    expect(hex(crypto.sha384(Buffer.from('a'), Buffer.alloc(0), Buffer.from('bc')))).toBe(abc)
    expect(hex(crypto.sha384())).toBe('38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b')
  })

  test('finds a signature good under its key and no other, and over its message and no other', () => {
    expect(crypto.verifyP256(issuer, tbs, signature)).toBe(true)
    expect(crypto.verifyP256(other, tbs, signature)).toBe(false)
    expect(crypto.verifyP256(issuer, tbs.subarray(1), signature)).toBe(false)
  })

  test('takes r with either s, as FIPS 186-5 does', () => {
    const s = BigInt(`0x${hex(signature.subarray(32))}`)
    expect(crypto.verifyP256(issuer, tbs, Buffer.concat([signature.subarray(0, 32), scalar(order - s)]))).toBe(true)
  })

  test('agrees on the signatures of many keys', () => {
    const random = seededRandom('ports')
    for (let count = 0; count < 16; count++) {
      const key = generateP256Key(random)
      const message = random(1 + count * 37)
      const point = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-65)
      const good = sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' })
      expect(crypto.verifyP256(point, message, good)).toBe(true)
      good[count * 4]! ^= 1
      expect(crypto.verifyP256(point, message, good)).toBe(false)
    }
  })

  test('takes halves that begin with zeros', () => {
    const key = generateP256Key(seededRandom('zeros'))
    const point = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-65)
    const message = Buffer.from('zeros')
    for (const half of [0, 32]) {
      // One signature in 256 is such a one; each is another.
      let signature: Buffer
      do signature = sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' })
      while (signature[half] !== 0)
      expect(crypto.verifyP256(point, message, signature)).toBe(true)
    }
  })

  test.each<[string, Uint8Array, Uint8Array]>([
    ['a point off the curve', Buffer.concat([Buffer.of(4), Buffer.alloc(64, 1)]), signature],
    ['a point of zeros', Buffer.concat([Buffer.of(4), Buffer.alloc(64)]), signature],
    ['a point with coordinates beyond the field', Buffer.concat([Buffer.of(4), Buffer.alloc(64, 0xff)]), signature],
    ['a point at infinity', Buffer.of(0), signature],
    ['a compressed point', Buffer.concat([Buffer.of(2), issuer.subarray(1, 33)]), signature],
    ['a hybrid point', Buffer.concat([Buffer.of(6 + (issuer[64]! & 1)), issuer.subarray(1)]), signature],
    ['no point', Buffer.alloc(0), signature],
    ['a signature of zeros', issuer, Buffer.alloc(64)],
    ['r of zero', issuer, Buffer.concat([Buffer.alloc(32), signature.subarray(32)])],
    ['s of zero', issuer, Buffer.concat([signature.subarray(0, 32), Buffer.alloc(32)])],
    ['r of the group’s order', issuer, Buffer.concat([scalar(order), signature.subarray(32)])],
    ['s of the group’s order', issuer, Buffer.concat([signature.subarray(0, 32), scalar(order)])],
    ['a signature of all ones', issuer, Buffer.alloc(64, 0xff)],
    ['a signature of 63 bytes', issuer, signature.subarray(1)],
    ['a signature of 65 bytes', issuer, Buffer.concat([signature, Buffer.of(0)])],
    ['a signature in DER', issuer, parseDer()],
    ['no signature', issuer, Buffer.alloc(0)],
  ])('says no, and throws nothing, to %s', (_, key, value) => {
    expect(crypto.verifyP256(key, tbs, value)).toBe(false)
  })
})

/** A signature as certificates carry it. */
function parseDer(): Buffer {
  return sign('sha256', Buffer.from('x'), authority.keys.pckCa)
}
