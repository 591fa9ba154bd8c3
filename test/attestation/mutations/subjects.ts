/**
 * What is changed byte by byte: quotes with their collateral, and, of each file, the bytes at which a change may be without effect,
 * because no signature covers them, with the reason. Whatever is not listed is covered.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CollateralParts, intelRootDer, loadCollateral, parseQuote, verifyQuote } from '../../../src/attestation/index.ts'
import { SoftwareQuotingAuthority } from '../../../src/tee/index.ts'
import { seededRandom } from '../../tee/support/seeded-random.ts'

/** Bytes that nothing signs. */
export interface Uncovered {
  readonly what: string
  readonly why: string
  readonly at: (bytes: Uint8Array, offset: number) => boolean
}

/** A file, and what comes of it: anything that a caller could learn, so that a change that says something else is seen. */
export interface Subject {
  readonly name: string
  readonly bytes: Uint8Array
  /** Throws where the changed bytes are refused. */
  readonly verify: (changed: Uint8Array) => unknown
  readonly uncovered: readonly Uncovered[]
}

const lineFeeds: Uncovered = {
  what: 'line feeds of PEM',
  why: 'PEM is a text form of certificates that nothing signs; white space between two of them says nothing. Within one it is refused.',
  at: (bytes, offset) => bytes[offset] === 0x0a && isPem(bytes, offset),
}
const closingZero: Uncovered = {
  what: 'the zero after the chain',
  why: 'a habit of C: the chain reads the same with a zero, white space or nothing after it.',
  at: (bytes, offset) => offset === bytes.length - 1 && bytes[offset] === 0,
}
const caseOfHex: Uncovered = {
  what: 'letters of the signature’s hex',
  why: 'the signature stands in hex beside what it signs; either case of a digit is the same signature.',
  at: (bytes, offset) => {
    const start = Buffer.from(bytes).lastIndexOf('"signature":"') + 13
    return offset >= start && offset < start + 128 && /[a-fA-F]/.test(String.fromCharCode(bytes[offset]!))
  },
}

/** Whether an offset is in the PEM text that the bytes are, or end with. */
function isPem(bytes: Uint8Array, offset: number): boolean {
  return offset > Buffer.from(bytes).indexOf('-----BEGIN CERTIFICATE-----')
}

interface Evidence {
  readonly name: string
  readonly quote: Uint8Array
  readonly parts: CollateralParts
  readonly root: Uint8Array
  /** ms */
  readonly now: number
}

/** A quote, under its collateral. */
export function quoteSubject({ name, quote, parts, root, now }: Evidence): Subject {
  const collateral = loadCollateral(parts, now, root)
  return {
    name: `quote, ${name}`,
    bytes: quote,
    verify: changed => verifyQuote(parseQuote(changed), collateral, now),
    uncovered: [lineFeeds, closingZero],
  }
}

const encodings = {
  tcbInfo: 'utf8',
  qeIdentity: 'utf8',
  tcbIssuerChain: 'latin1',
  pckCrlIssuerChain: 'latin1',
} as const
const uncoveredOf: Readonly<Record<keyof CollateralParts, readonly Uncovered[]>> = {
  tcbInfo: [caseOfHex],
  qeIdentity: [caseOfHex],
  pckCrl: [],
  rootCaCrl: [],
  tcbIssuerChain: [lineFeeds],
  pckCrlIssuerChain: [lineFeeds],
}

/** Each part of a quote's collateral, by what it makes of the quote, and how long it lasts. */
export function collateralSubjects({ name, quote, parts, root, now }: Evidence): Subject[] {
  const parsed = parseQuote(quote)
  return Object.entries(uncoveredOf).map(([key, uncovered]) => {
    const part = key as keyof CollateralParts
    const verify = (changed: Uint8Array) => {
      const value = part === 'pckCrl' || part === 'rootCaCrl' ? changed : Buffer.from(changed).toString(encodings[part])
      const collateral = loadCollateral({ ...parts, [part]: value }, now, root)
      const { validFrom, validUntil, tcbInfo, qeIdentity, pckCrl, rootCrl } = collateral
      const facts = verifyQuote(parsed, collateral, now)
      return { facts, validFrom, validUntil, tcbInfo, qeIdentity, revoked: [pckCrl.revoked, rootCrl.revoked] }
    }
    const bytes = part === 'pckCrl' || part === 'rootCaCrl' ? parts[part] : Buffer.from(parts[part], encodings[part])
    return { name: `${part}, ${name}`, bytes, verify, uncovered }
  })
}

const now = Date.UTC(2026, 5, 1, 12)
const authority = SoftwareQuotingAuthority.create({ now, random: seededRandom('mutations') })
const issued = { parts: authority.collateral(now), root: authority.rootDer, now }

/** Quotes of every version and body, of our own authority, which share their collateral. */
export const ownEvidence: readonly Evidence[] = [
  { ...issued, name: 'version 4, TD 1.0', quote: authority.issueQuote({ version: 4 }) },
  { ...issued, name: 'version 5, TD 1.0', quote: authority.issueQuote({ version: 5, bodyType: 2 }) },
  { ...issued, name: 'version 5, TD 1.5', quote: authority.issueQuote({ version: 5, bodyType: 3 }) },
]

/** Real quotes of both versions, from the folder of CHRYSALIS_TDX_DATA. */
export function realEvidence(folder: string): Evidence[] {
  const { cases } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as {
    cases: { quote: string; collateral: string; now: number; tcbStatus: string }[]
  }
  return ['phala-dcap-qvl', 'go-tdx-guest-v5'].map(id => {
    const found = cases.find(item => item.quote === id && item.tcbStatus !== 'NotSupported')!
    const file = (name: string) => readFileSync(join(folder, 'collateral', found.collateral, name))
    return {
      name: `real, ${id}`,
      quote: readFileSync(join(folder, 'quotes', `${id}.bin`)),
      parts: {
        tcbInfo: file('tcb_info.json').toString('utf8'),
        qeIdentity: file('qe_identity.json').toString('utf8'),
        pckCrl: file('pck_crl.der'),
        rootCaCrl: file('root_ca_crl.der'),
        tcbIssuerChain: file('tcb_issuer_chain.pem').toString('latin1'),
        pckCrlIssuerChain: file('pck_crl_issuer_chain.pem').toString('latin1'),
      },
      root: intelRootDer,
      now: found.now * 1000,
    }
  })
}
