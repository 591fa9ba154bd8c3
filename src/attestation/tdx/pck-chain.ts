/**
 * The certificates inside a quote: from the key that signed the QE's report to the trusted root, checked against collateral. A
 * platform shows the same chain in every quote, so whoever verifies many may hold what was verified once.
 */

import { AttestationError } from '../errors.ts'
import { sameBytes, toHex } from './bytes.ts'
import type { Collateral } from './collateral.ts'
import type { CryptoPort } from './crypto-port.ts'
import { type PckFacts, readPckFacts } from './sgx-extension.ts'
import { type Certificate, checkRevocation, checkWindow, parsePemChain, roles, verifyIssued, verifyRoot } from './x509.ts'

/** A PCK chain that was verified under one collateral, from `from` to `until` (ms, both inclusive). */
export interface PckChain {
  /** Uncompressed P-256 point of the leaf. */
  readonly publicKey: Uint8Array
  readonly facts: PckFacts
  readonly from: number
  readonly until: number
}

/**
 * Verifies the chain at `now` (ms): trusted root, names, roles, windows, signatures; issued by the very CA that the PCK CRL is
 * of; neither CA nor leaf revoked. Throws {@link AttestationError}.
 */
export function verifyPckChain(pem: Uint8Array, collateral: Collateral, now: number, crypto: CryptoPort): PckChain {
  const chain = parsePemChain(pem, 3, [collateral.pckCa, collateral.root]) as [Certificate, Certificate, Certificate]
  const [pck, ca, root] = chain
  verifyRoot(root, collateral.root.raw, now)
  // The very certificate that the collateral's lists hang on was verified with it.
  if (ca === collateral.pckCa) checkWindow(ca, roles.pckCa, now)
  else verifyIssued(ca, root, roles.pckCa, now, crypto)
  verifyIssued(pck, ca, roles.pck, now, crypto)
  // A CA may have been issued anew, but the list must be of the very key that issued this leaf, not of its sister's.
  if (!sameBytes(ca.subject, collateral.pckCrl.issuer) || !sameBytes(ca.publicKey, collateral.pckCa.publicKey))
    throw new AttestationError('collateral-mismatch', 'the PCK CRL is of another CA')
  checkRevocation(ca, collateral.rootCrl, roles.pckCa)
  checkRevocation(pck, collateral.pckCrl, roles.pck)
  return {
    publicKey: pck.publicKey,
    facts: readPckFacts(pck),
    from: Math.max(...chain.map(certificate => certificate.notBefore)),
    until: Math.min(...chain.map(certificate => certificate.notAfter)),
  }
}

/**
 * PCK chains that were verified already, by collateral and by SHA-256 of their bytes. It answers for exactly these bytes under
 * exactly this collateral, within the chain's window (the lists' windows are the collateral's, which `verifyQuote` checks first),
 * and forgets with the collateral object. Attackers choose chains, but only genuine ones get in; `max` bounds those.
 */
export class HeldPckChains {
  readonly #max: number
  readonly #held = new WeakMap<Collateral, Map<string, PckChain>>()

  /** `max`: how many chains are held for one collateral; the oldest makes room. */
  constructor(max = 1024) {
    this.#max = max
  }

  /** As {@link verifyPckChain}, and remembers. */
  verify(pem: Uint8Array, collateral: Collateral, now: number, crypto: CryptoPort): PckChain {
    const chains = this.#held.get(collateral) ?? new Map<string, PckChain>()
    this.#held.set(collateral, chains)
    const digest = toHex(crypto.sha256(pem))
    const known = chains.get(digest)
    if (known && now >= known.from && now <= known.until) return known
    const chain = verifyPckChain(pem, collateral, now, crypto)
    if (chains.size >= this.#max) chains.delete(chains.keys().next().value!)
    chains.set(digest, chain)
    return chain
  }
}
