/**
 * Every byte of evidence and collateral, changed once: it is refused, or it says exactly what it said before. The few places where
 * a change is without effect are listed with the reason, so that a new one is noticed.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { type CollateralParts, type Facts, loadCollateral, parseQuote, verifyQuote } from '../../../src/attestation/index.ts'
import { pem } from '../../../src/tee/index.ts'
import { outcome } from '../support/outcome.ts'
import { authority, flipped, now } from '../support/sample.ts'

const parts = authority.collateral(now)
const collateral = loadCollateral(parts, now, authority.rootDer)
const quotes = { 4: authority.issueQuote(), 5: authority.issueQuote({ version: 5 }) }
/** A low bit, the bit of a letter's case, the highest bit, all bits: in turn, one for each byte. */
const masks = [0x01, 0x20, 0x80, 0xff]

/** What came out where a changed byte was accepted, by offset. Anything but an AttestationError is thrown on. */
function accepted<Result>(bytes: Uint8Array, work: (changed: Buffer) => Result, stride = 1): Map<number, Result> {
  const found = new Map<number, Result>()
  for (let turn = 0; turn * stride < bytes.length; turn++) {
    const changed = flipped(bytes, turn * stride, masks[turn % masks.length])
    outcome(() => void found.set(turn * stride, work(changed)))
  }
  return found
}

describe.each([4, 5] as const)('a quote of version %i', version => {
  const quote = quotes[version]
  const verify = (bytes: Buffer): Facts => verifyQuote(parseQuote(bytes), collateral, now)
  const good = verify(quote)
  const chainAt = quote.indexOf('-----BEGIN')
  let survivors: Map<number, Facts>

  beforeAll(() => {
    survivors = accepted(quote, verify)
  })

  test('with any byte changed is refused or says the same', () => {
    for (const [offset, facts] of survivors) expect(facts, `byte ${offset}`).toEqual(good)
  })

  test('has no byte without effect but in the text around its certificates', () => {
    // PEM is a text form that nothing signs: a line feed may become another white space, and the closing zero too. The certificates
    // themselves are signed, and canonical base64 leaves each one spelling.
    const chain = quote.subarray(chainAt).toString('latin1')
    for (const offset of survivors.keys()) {
      expect(offset, 'before the chain').toBeGreaterThanOrEqual(chainAt)
      expect(['\n', '\0'], `byte ${offset}`).toContain(chain[offset - chainAt])
    }
  })

  test('says the same with white space between its certificates, and is refused with it inside them', () => {
    const { pck, pckCa, root } = authority.certificates
    const spaced = (text: string) =>
      outcome(() =>
        verifyQuote(
          parseQuote(authority.issueQuote({ version, edit: quoteParts => ({ ...quoteParts, certificateChain: Buffer.from(text) }) })),
          collateral,
          now,
        ),
      )
    expect(spaced([pck, pckCa, root].map(der => pem(der)).join('\r\n \t'))).toBe('accepted')
    expect(spaced(pem(pck, pckCa, root).replace('M', 'M '))).toBe('certificate-malformed')
  })
})

describe('collateral', () => {
  const load = (changed: Partial<CollateralParts>) => {
    const { validFrom, validUntil, tcbInfo, qeIdentity, pckCrl, rootCrl } = loadCollateral({ ...parts, ...changed }, now, authority.rootDer)
    return { validFrom, validUntil, tcbInfo, qeIdentity, revoked: [pckCrl.revoked, rootCrl.revoked] }
  }
  const good = load({})

  test.each(['pckCrl', 'rootCaCrl'] as const)('%s with any byte changed is refused', part => {
    const list = parts[part]
    expect([...accepted(list, changed => load({ [part]: changed })).keys()]).toEqual([])
  })

  test.each([
    ['tcbInfo', 5],
    ['qeIdentity', 1],
  ] as const)('%s with any byte changed is refused, but for the case of the hex of its signature', (part, stride) => {
    const document = parts[part]
    const signatureAt = document.indexOf('"signature"') + 13
    const survivors = accepted(Buffer.from(document), changed => load({ [part]: changed.toString('utf8') }), stride)
    for (const [offset, result] of survivors) {
      expect(offset, 'inside the signature').toBeGreaterThanOrEqual(signatureAt)
      expect(document[offset]).toMatch(/[a-f]/)
      expect(result).toEqual(good)
    }
  })

  test.each(['tcbIssuerChain', 'pckCrlIssuerChain'] as const)('%s with any byte changed is refused, but for line feeds between', part => {
    const text = parts[part]
    const survivors = accepted(Buffer.from(text, 'latin1'), changed => load({ [part]: changed.toString('latin1') }))
    for (const [offset, result] of survivors) {
      expect(text[offset], `byte ${offset}`).toBe('\n')
      expect(result).toEqual(good)
    }
  })
})
