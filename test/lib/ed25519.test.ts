import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../src/lib/bytes.ts'
import { ed25519PrivateKey, ed25519PublicKey, ed25519RawPublicKey } from '../../src/lib/ed25519.ts'

// RFC 8032 §7.1, test 1
const seed = fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')
const publicKey = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'
const signature =
  'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b'

describe('raw Ed25519 keys', () => {
  it('sign and verify the first vector of RFC 8032', () => {
    const key = ed25519PrivateKey(seed)
    expect(toHex(ed25519RawPublicKey(key))).toBe(publicKey)
    expect(toHex(sign(null, Buffer.alloc(0), key))).toBe(signature)
    expect(verify(null, Buffer.alloc(0), ed25519PublicKey(fromHex(publicKey)), fromHex(signature))).toBe(true)
  })

  it('are wrapped once', () => {
    expect(ed25519PublicKey(fromHex(publicKey))).toBe(ed25519PublicKey(fromHex(publicKey)))
  })

  it('are refused with another length', () => {
    expect(() => ed25519PrivateKey(seed.subarray(1))).toThrow(RangeError)
    expect(() => ed25519PublicKey(Buffer.alloc(33))).toThrow(RangeError)
  })

  it('of another kind are refused', () => {
    expect(() => ed25519RawPublicKey(generateKeyPairSync('x25519').privateKey)).toThrow(TypeError)
  })
})
