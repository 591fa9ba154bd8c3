/**
 * The few primitives that verification stands on, synchronous, so that the same core runs wherever they exist: `node-crypto.ts`
 * on a server, `noble-crypto.ts` in a browser. One suite of tests holds both to the same answers.
 */
export interface CryptoPort {
  /** SHA-256 of the parts, one after another: 32 bytes. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array
  /** SHA-384 of the parts, one after another: 48 bytes. For event logs; a quote by itself needs none. */
  sha384(...parts: readonly Uint8Array[]): Uint8Array
  /**
   * Whether `signature` (r || s, 64 bytes) over SHA-256 of `message` is good under `publicKey`, an uncompressed P-256 point (65
   * bytes). Never throws: false also for a point off the curve, or for anything of a wrong size. High s is good (FIPS 186-5 has no such rule).
   */
  verifyP256(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}
