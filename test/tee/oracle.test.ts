/** What another implementation says to our quotes and collateral: @phala/dcap-qvl, whose known gaps do not touch what is asked of it here. */
import { QuoteVerifier } from '@phala/dcap-qvl'
import { describe, expect, test } from 'vitest'
import { platformStatuses, type QuoteRequest, SoftwareQuotingAuthority, teeTcbSvnFor } from '../../src/tee/index.ts'
import { seededRandom } from './support/seeded-random.ts'

const now = Date.UTC(2026, 5, 1)
const authority = SoftwareQuotingAuthority.create({ now, random: seededRandom('oracle') })

function inner(text: string, member: string): [body: string, signature: string] {
  return [text.slice(member.length + 4, text.lastIndexOf(',"signature":"')), JSON.parse(text).signature]
}

function verdict(
  by: SoftwareQuotingAuthority,
  request: QuoteRequest = {},
  root = by.rootDer,
  at = now,
): { status: string; advisories: string[] } {
  const parts = by.collateral(now)
  const [tcbInfo, tcbInfoSignature] = inner(parts.tcbInfo, 'tcbInfo')
  const [qeIdentity, qeIdentitySignature] = inner(parts.qeIdentity, 'enclaveIdentity')
  const collateral = {
    tcb_info: tcbInfo,
    tcb_info_signature: tcbInfoSignature,
    tcb_info_issuer_chain: parts.tcbIssuerChain,
    qe_identity: qeIdentity,
    qe_identity_signature: qeIdentitySignature,
    qe_identity_issuer_chain: parts.tcbIssuerChain,
    pck_crl: parts.pckCrl.toString('hex'),
    pck_crl_issuer_chain: parts.pckCrlIssuerChain,
    root_ca_crl: parts.rootCaCrl.toString('hex'),
  }
  const verified = QuoteVerifier.newWithRootCa(root).verify(by.issueQuote(request), collateral, at / 1000)
  return { status: verified.status, advisories: verified.advisory_ids }
}

describe('another verifier, told to trust our root', () => {
  test.each([
    ['version 4', {}],
    ['version 5 with a TD 1.0 body', { version: 5, bodyType: 2 }],
    ['version 5 with a TD 1.5 body', { version: 5, bodyType: 3 }],
  ] as const)('accepts a quote of %s as up to date', (_, request) => {
    expect(verdict(authority, request)).toEqual({ status: 'UpToDate', advisories: [] })
  })

  test.each(platformStatuses.filter(status => status !== 'Revoked'))('finds the platform %s when its TEE_TCB_SVN says so', status => {
    expect(verdict(authority, { body: { teeTcbSvn: teeTcbSvnFor(status) } }).status).toBe(status)
  })

  test('finds a revoked platform, and one below every level', () => {
    expect(() => verdict(authority, { body: { teeTcbSvn: teeTcbSvnFor('Revoked') } })).toThrow('Revoked')
    expect(() => verdict(authority, { body: { teeTcbSvn: teeTcbSvnFor(undefined) } })).toThrow('No matching TCB level')
  })

  test('finds an older quoting enclave out of date', () => {
    expect(verdict(authority, { qeReport: { isvSvn: 3 } }).status).toBe('OutOfDate')
  })

  const wrongKey = authority.keys.attestation
  test.each<[string, string, SoftwareQuotingAuthority, QuoteRequest]>([
    [
      'a revoked PCK certificate',
      'Certificate is revoked',
      authority.with({ pckCrl: good => ({ ...good, revoked: [authority.profile.serials.pck] }) }),
      {},
    ],
    [
      'a revoked PCK CA',
      'Certificate is revoked',
      authority.with({ rootCaCrl: good => ({ ...good, revoked: [authority.profile.serials.pckCa] }) }),
      {},
    ],
    ['an expired PCK certificate', 'Certificate is expired', authority.with({ pck: good => ({ ...good, notAfter: now - 1000 }) }), {}],
    ['a PCK certificate by a wrong key', 'leaf signature invalid', authority.with({ pck: good => ({ ...good, issuerKey: wrongKey }) }), {}],
    ['TCB info by a wrong key', 'invalid for tcb_info', authority.with({ tcbInfo: good => ({ ...good, key: wrongKey }) }), {}],
    [
      'TCB info for another FMSPC',
      'Fmspc mismatch',
      authority.with({ tcbInfo: good => ({ ...good, body: { ...good.body, fmspc: '00906ED50000' } }) }),
      {},
    ],
    [
      'a QE identity of another signer',
      'QE MRSIGNER mismatch',
      authority.with({ qeIdentity: good => ({ ...good, body: { ...good.body, mrsigner: '00'.repeat(32) } }) }),
      {},
    ],
    [
      'a quote by a wrong key',
      'report signature is invalid',
      authority,
      { edit: good => ({ ...good, quoteSigningKey: authority.keys.pck }) },
    ],
    ['a QE report by a wrong key', 'invalid for qe_report', authority, { edit: good => ({ ...good, qeSigningKey: wrongKey }) }],
    [
      'an attestation key that the QE does not vouch for',
      'QE report hash mismatch',
      authority,
      { qeReport: { reportData: Buffer.alloc(64) } },
    ],
    ['a debug TD', 'Debug mode is enabled', authority, { body: { tdAttributes: Buffer.from('0100001000000000', 'hex') } }],
  ])('refuses %s: %s', (_, reason, by, request) => {
    expect(() => verdict(by, request)).toThrow(reason)
  })

  test('refuses all of it under Intel’s root, or another of ours, or too late', () => {
    const other = SoftwareQuotingAuthority.create({ now, random: seededRandom('somebody else') })
    expect(() => verdict(authority, {}, other.rootDer)).toThrow('intermediate signature invalid')
    expect(() => verdict(authority, {}, QuoteVerifier.newProd().rootCaDer)).toThrow('intermediate signature invalid')
    expect(() => verdict(authority, {}, authority.rootDer, now + 31 * 24 * 60 * 60 * 1000)).toThrow('expired')
  })
})
