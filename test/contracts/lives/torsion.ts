/**
 * A payer's key that is no honest one: its point has a component of order eight. Verifiers that multiply by the cofactor take
 * every signature made under it; the chain, which does not, takes about one in eight.
 */
import { createHash } from 'node:crypto'
import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js'

export interface TorsionKey {
  readonly publicKey: Buffer
  /** A signature of `hash`; another for each `nonce`. */
  sign(hash: Uint8Array, nonce: number): Buffer
}

/** The key of `seed`, moved by a point of order eight. */
export function torsionKey(seed: Uint8Array): TorsionKey {
  const { Point } = ed25519
  const order = Point.Fn.ORDER
  const secret = numberOf(createHash('sha512').update(seed).digest()) % order
  const eighth = Point.fromHex(ED25519_TORSION_SUBGROUP[1]!)
  const publicKey = Buffer.from(Point.BASE.multiply(secret).add(eighth).toBytes())
  return {
    publicKey,
    sign(hash, nonce) {
      const r = numberOf(createHash('sha512').update(seed).update(String(nonce)).update(hash).digest()) % order
      const R = Buffer.from(Point.BASE.multiply(r).toBytes())
      const h = numberOf(createHash('sha512').update(R).update(publicKey).update(hash).digest()) % order
      return Buffer.concat([R, bytesOf((r + h * secret) % order)])
    },
  }
}

function numberOf(littleEndian: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(littleEndian).reverse().toString('hex')}`)
}

function bytesOf(scalar: bigint): Buffer {
  return Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse()
}
