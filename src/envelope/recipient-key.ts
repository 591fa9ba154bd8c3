import type { Random } from './types.ts'

export interface RecipientKey {
  readonly kid: Uint8Array
  readonly kem: number
  readonly publicKey: Uint8Array
}

export interface RecipientKeyPair extends RecipientKey {
  readonly privateKey: object
}

/** First 8 bytes of H(raw public key). */
export function keyId(_publicKey: Uint8Array): Buffer {
  throw new Error('not yet')
}

export function generateRecipientKeyPair(_kem: number, _random?: Random): RecipientKeyPair {
  throw new Error('not yet')
}

export function recipientKeyPair(_kem: number, _seed: Uint8Array): RecipientKeyPair {
  throw new Error('not yet')
}
