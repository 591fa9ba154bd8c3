/** PCK chains that are held: what is not verified again, and what always is. */
import { describe, expect, test } from 'vitest'
import { type CryptoPort, HeldPckChains, loadCollateral, nodeCrypto, parseQuote, verifyQuote } from '../../../src/attestation/index.ts'
import type { AuthorityEdits } from '../../../src/tee/index.ts'
import { outcome } from '../support/outcome.ts'
import { authority, day, now } from '../support/sample.ts'

describe('a chain that is held', () => {
  /** A port that counts what it verifies. */
  const counting = () => {
    const counts = { verified: 0 }
    const crypto: CryptoPort = {
      ...nodeCrypto,
      verifyP256: (...of) => {
        counts.verified += 1
        return nodeCrypto.verifyP256(...of)
      },
    }
    return { counts, crypto }
  }
  const load = (by = authority) => loadCollateral(by.collateral(now), now, authority.rootDer)
  const quote = parseQuote(authority.issueQuote())

  test('is verified once: then a quote takes two signatures in place of three', () => {
    const { counts, crypto } = counting()
    const held = new HeldPckChains()
    const collateral = load()
    const first = verifyQuote(quote, collateral, now, { crypto, held })
    expect(counts.verified).toBe(3)
    const second = verifyQuote(parseQuote(authority.issueQuote()), collateral, now, { crypto, held })
    expect(counts.verified).toBe(5)
    expect(second).toEqual({ ...first, report: second.report })
  })

  test('shows another certificate of the CA than the collateral: that one is verified too', () => {
    const { counts, crypto } = counting()
    const anew = authority.with({ pckCa: spec => ({ ...spec, serial: Buffer.of(77) }) })
    verifyQuote(parseQuote(anew.issueQuote()), load(), now, { crypto })
    expect(counts.verified).toBe(4)
    const forged = authority.with({ pckCa: spec => ({ ...spec, serial: Buffer.of(77), issuerKey: authority.keys.pckCa }) })
    expect(outcome(() => verifyQuote(parseQuote(forged.issueQuote()), load(), now))).toBe('chain-untrusted')
  })

  test('answers for its own bytes only', () => {
    const held = new HeldPckChains()
    const collateral = load()
    verifyQuote(quote, collateral, now, { held })
    const other = (edits: AuthorityEdits) =>
      outcome(() => verifyQuote(parseQuote(authority.with(edits).issueQuote()), collateral, now, { held }))
    expect(other({ pck: spec => ({ ...spec, issuer: spec.subject }) })).toBe('chain-untrusted')
    expect(other({ pck: spec => ({ ...spec, notAfter: now - 1000 }) })).toBe('certificate-expired')
  })

  test('answers under its own collateral only: one that revokes it is asked anew', () => {
    const held = new HeldPckChains()
    verifyQuote(quote, load(), now, { held })
    const revoking = load(authority.with({ pckCrl: crl => ({ ...crl, revoked: [authority.profile.serials.pck] }) }))
    expect(outcome(() => verifyQuote(quote, revoking, now, { held }))).toBe('certificate-revoked')
  })

  test('does not outlive its certificates, nor its collateral, nor begin before them', () => {
    const short = authority.with({ pck: spec => ({ ...spec, notBefore: now + 1000, notAfter: now + day }) })
    const held = new HeldPckChains()
    const collateral = load()
    const bytes = parseQuote(short.issueQuote())
    const at = (ms: number) => outcome(() => verifyQuote(bytes, collateral, ms, { held }))
    expect(at(now + 2000)).toBe('accepted')
    expect([at(now + day), at(now + day + 1000), at(now)]).toEqual(['accepted', 'certificate-expired', 'certificate-expired'])
    expect(outcome(() => verifyQuote(quote, collateral, collateral.validUntil - 1, { held }))).toBe('accepted')
    expect(outcome(() => verifyQuote(quote, collateral, collateral.validUntil, { held }))).toBe('collateral-expired')
  })

  test('is not held where it did not verify', () => {
    const { counts, crypto } = counting()
    const held = new HeldPckChains()
    const collateral = load()
    const bad = parseQuote(authority.with({ pck: spec => ({ ...spec, notAfter: now - 1000 }) }).issueQuote())
    for (const turn of [1, 2]) {
      expect(
        outcome(() => verifyQuote(bad, collateral, now, { crypto, held })),
        `turn ${turn}`,
      ).toBe('certificate-expired')
      expect(counts.verified).toBe(0)
    }
  })

  test('makes room for a newer one when there are too many', () => {
    const { counts, crypto } = counting()
    const held = new HeldPckChains(2)
    const collateral = load()
    const quotes = [1, 2, 3].map(serial =>
      parseQuote(authority.with({ pck: spec => ({ ...spec, serial: Buffer.of(serial) }) }).issueQuote()),
    )
    const cost = (index: number) => {
      const before = counts.verified
      verifyQuote(quotes[index]!, collateral, now, { crypto, held })
      return counts.verified - before
    }
    expect([cost(0), cost(1), cost(0), cost(2), cost(1), cost(0)]).toEqual([3, 3, 2, 3, 2, 3])
  })
})
