/** The keys of a software quoting authority, made from a source of randomness that tests can replace. */
import { createECDH, createPrivateKey, type KeyObject } from 'node:crypto'

/** Bytes nobody can guess, as `crypto.randomBytes` gives them. */
export type Random = (size: number) => Uint8Array

export const keyNames = ['root', 'pckCa', 'pck', 'tcbSigner', 'attestation'] as const
export type KeyName = (typeof keyNames)[number]
/** `root`, `pckCa` and `tcbSigner` sign documents, `pck` the quoting enclave's report, `attestation` quotes. */
export type AuthorityKeys = Readonly<Record<KeyName, KeyObject>>

/** A fresh set. */
export function generateAuthorityKeys(random: Random): AuthorityKeys {
  return {
    root: generateP256Key(random),
    pckCa: generateP256Key(random),
    pck: generateP256Key(random),
    tcbSigner: generateP256Key(random),
    attestation: generateP256Key(random),
  }
}

/** A P-256 private key; the same randomness gives the same key. */
export function generateP256Key(random: Random): KeyObject {
  const pair = createECDH('prime256v1')
  const scalar = Buffer.from(random(32))
  pair.setPrivateKey(scalar) // throws for 0 and for the group order and above: 2^-32, so no second try
  const point = pair.getPublicKey()
  return createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      d: scalar.toString('base64url'),
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    },
  })
}
