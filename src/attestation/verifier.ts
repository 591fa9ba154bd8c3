/** The portable verifier on Node's own crypto: what this room uses, and what it gives to others behind its door. */
import { type Collateral, type CollateralParts, loadCollateral as load } from './tdx/collateral.ts'
import { nodeCrypto } from './tdx/node-crypto.ts'
import type { Quote } from './tdx/quote.ts'
import { type Facts, type VerifyQuoteOptions, verifyQuote as verify } from './tdx/verify.ts'

/** `loadCollateral` of `tdx/collateral.ts`, on `node:crypto` unless another port is given. */
export function loadCollateral(
  parts: CollateralParts,
  now: number,
  trustedRoot: Uint8Array,
  { crypto = nodeCrypto }: Partial<Pick<VerifyQuoteOptions, 'crypto'>> = {},
): Collateral {
  return load(parts, now, trustedRoot, { crypto })
}

/** `verifyQuote` of `tdx/verify.ts`, on `node:crypto` unless another port is given. */
export function verifyQuote(quote: Quote, collateral: Collateral, now: number, options: Partial<VerifyQuoteOptions> = {}): Facts {
  return verify(quote, collateral, now, { crypto: nodeCrypto, ...options })
}
