/** The PCK chain by itself: what its leaf says of the platform, either CA, and keys and encodings that Intel's PKI does not have. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { developmentPolicy, intelRootDer, loadCollateral, type Policy } from '../../../src/attestation/index.ts'
import { judgePlatform } from '../../../src/attestation/policy/platform.ts'
import { readAll, readOne, tags } from '../../../src/attestation/tdx/der.ts'
import * as der from '../../../src/tee/der.ts'
import {
  type AuthorityEdits,
  type CertificateSpec,
  developmentMeasurements,
  keyUsage,
  keyUsageBits,
  quoteCertificateChain,
} from '../../../src/tee/index.ts'
import { rawPoint } from '../../../src/tee/x509.ts'
import { forged, specOf, swapped } from '../support/forge.ts'
import { outcome } from '../support/outcome.ts'
import { authority, judge, now, processorAuthority } from '../support/sample.ts'

const { root, pckCa, pck } = authority.certificates
const offCurve = Buffer.alloc(64, 1)
const chainOf = (leaf: Buffer, ca = pckCa) =>
  judge({ request: { edit: q => ({ ...q, certificateChain: quoteCertificateChain(leaf, ca, root) }) } })
const renamed = (spec: CertificateSpec, cn: string) => ({
  ...spec,
  subject: spec.subject.map(pair => (pair[0] === 'CN' ? (['CN', cn] as const) : pair)),
})

describe('the pinned root', () => {
  test('is Intel’s, by the digest that Intel’s users know', () => {
    expect(createHash('sha256').update(intelRootDer).digest('hex')).toBe('44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3')
  })
})

describe('a platform', () => {
  test('of the platform CA tells its type, its instance and its configuration', () => {
    const { pck: facts, ppid } = judge({})
    expect(facts).toMatchObject({ pcesvn: 13, pceId: '0000', fmspc: 'c0de43485259', sgxType: 'scalable' })
    expect(facts.components).toEqual(authority.profile.sgx.tcbComponents)
    expect(Buffer.from(facts.cpuSvn)).toEqual(authority.profile.sgx.cpuSvn)
    expect(facts.platform).toMatchObject({ dynamicPlatform: true, cachedKeys: true, smtEnabled: true })
    expect(Buffer.from(facts.platform!.instanceId)).toEqual(authority.profile.sgx.platformInstanceId)
    expect(ppid).toBe(Buffer.from(facts.ppid).toString('hex'))
  })

  test.each(['dynamicPlatform', 'cachedKeys', 'smtEnabled'] as const)('says no where its certificate says no to %s', flag => {
    const edits: AuthorityEdits = { sgx: sgx => ({ ...sgx, configuration: { ...sgx.configuration!, [flag]: false } }) }
    const { platform } = judge({ quoteBy: authority.with(edits), collateralBy: authority }).pck
    expect(Object.entries(platform!).filter(([, value]) => value === false)).toEqual([[flag, false]])
  })

  test.each([
    [0, 'standard'],
    [1, 'scalable'],
    [2, 'scalable-with-integrity'],
  ])('of SGX type %i is %s', (sgxType, name) => {
    expect(judge({ quoteBy: authority.with({ sgx: sgx => ({ ...sgx, sgxType }) }), collateralBy: authority }).pck.sgxType).toBe(name)
  })

  test('may leave out its SGX type, which then no policy that asks for one accepts', () => {
    const by = authority.with({ sgx: ({ sgxType, platformInstanceId, configuration, ...sgx }) => sgx })
    const facts = judge({ quoteBy: by, collateralBy: authority })
    expect(facts).toMatchObject({ status: 'UpToDate', pck: { sgxType: undefined, platform: undefined } })
    const reasons = (sgx_types: Policy['sgx_types']) =>
      judgePlatform(facts, { ...developmentPolicy(developmentMeasurements), sgx_types }).flatMap(({ ok, reason }) => (ok ? [] : [reason]))
    expect(reasons('any')).toEqual([])
    expect(reasons(['standard', 'scalable', 'scalable-with-integrity'])).toEqual(['the SGX type is not stated'])
  })

  test('of the processor CA has no instance and no configuration, and verifies all the same', () => {
    const facts = judge({ by: processorAuthority })
    expect(facts).toMatchObject({ status: 'UpToDate', pck: { sgxType: 'scalable', platform: undefined } })
  })

  test('of one CA is not judged by the other CA’s list', () => {
    expect(outcome(() => judge({ quoteBy: processorAuthority, collateralBy: authority }))).toBe('collateral-mismatch')
    expect(outcome(() => judge({ quoteBy: authority, collateralBy: processorAuthority }))).toBe('collateral-mismatch')
  })

  test.each([1, 2, 3])('may have a PCESVN of %i bytes', bytes => {
    const pceSvn = [7, 300, 40_000][bytes - 1]!
    const by = authority.with({
      sgx: sgx => ({ ...sgx, pceSvn }),
      tcbInfo: d => ({ ...d, body: { ...d.body, tcbLevels: d.body.tcbLevels.map(l => ({ ...l, tcb: { ...l.tcb, pcesvn: pceSvn } })) } }),
    })
    expect(judge({ by }).pck.pcesvn).toBe(pceSvn)
  })

  test('may have SVNs up to their bounds', () => {
    const { pck } = judge({
      quoteBy: authority.with({ sgx: sgx => ({ ...sgx, tcbComponents: sgx.tcbComponents.map(() => 255), pceSvn: 65_535 }) }),
      collateralBy: authority,
    })
    expect([pck.components, pck.pcesvn]).toEqual([Array(16).fill(255), 65_535])
  })

  test.each<[string, AuthorityEdits]>([
    ['an SGX type that nobody knows', { sgx: sgx => ({ ...sgx, sgxType: 3 }) }],
    ['a PCESVN beyond 16 bits', { sgx: sgx => ({ ...sgx, pceSvn: 65_536 }) }],
    ['a CPUSVN of 15 bytes', { sgx: sgx => ({ ...sgx, cpuSvn: sgx.cpuSvn.subarray(1) }) }],
    ['a PCEID of one byte', { sgx: sgx => ({ ...sgx, pceId: sgx.pceId.subarray(1) }) }],
    ['an instance of 15 bytes', { sgx: sgx => ({ ...sgx, platformInstanceId: sgx.platformInstanceId!.subarray(1) }) }],
    ['an instance and a configuration but no SGX type', { sgx: ({ sgxType, ...sgx }) => sgx }],
    ['an instance but no configuration', { sgx: ({ configuration, ...sgx }) => sgx }],
    ['a configuration but no instance', { sgx: ({ platformInstanceId, ...sgx }) => sgx }],
    ['a member twice', sgxMembers(members => [...members, members[3]!])],
    ['a member twice in its TCB', sgxMembers(members => members.with(1, tcbTwice(members[1]!)))],
    [
      'a member that nobody knows in place of another',
      sgxMembers(members => members.with(4, der.sequence(der.objectIdentifier('1.2.840.113741.1.13.1.9'), der.enumerated(1)))),
    ],
  ])('is not read with %s', (_, edits) => {
    expect(outcome(() => judge({ quoteBy: authority.with(edits), collateralBy: authority }))).toBe('certificate-malformed')
  })
})

describe('names, keys and encodings in the chain', () => {
  test.each<[string, string, AuthorityEdits]>([
    ['an issuer’s name in another order', 'chain-untrusted', { pck: spec => ({ ...spec, issuer: spec.issuer.toReversed() }) }],
    ['a CA’s issuer in another order', 'chain-untrusted', { pckCa: spec => ({ ...spec, issuer: spec.issuer.toReversed() }) }],
    ['a CA whose name does not say so', 'chain-untrusted', { pckCa: spec => renamed(spec, 'Chrysalis Development SGX PCK Platform') }],
    ['a leaf whose name lacks a letter', 'chain-untrusted', { pck: spec => renamed(spec, 'Chrysalis Development SGX PCK Certificat') }],
  ])('%s: %s', (_, code, edits) => {
    expect(outcome(() => judge({ quoteBy: authority.with(edits), collateralBy: authority }))).toBe(code)
  })

  test.each<[string, AuthorityEdits]>([
    ['a root whose name does not say so', { root: spec => renamed(spec, 'Chrysalis Development Root') }],
    [
      'a root that may not sign CRLs',
      {
        root: spec => ({
          ...spec,
          extensions: spec.extensions.map(old => (old.oid === '2.5.29.15' ? keyUsage(keyUsageBits.keyCertSign) : old)),
        }),
      },
    ],
  ])('%s is refused, though it is trusted', (_, edits) => {
    const odd = authority.with(edits)
    expect(outcome(() => loadCollateral(odd.collateral(now), now, odd.rootDer))).toBe('chain-untrusted')
  })

  test('a leaf that was forged as it was issued verifies', () => {
    expect(outcome(() => chainOf(forged(specOf(authority, 'pck'), tbs => tbs)))).toBe('accepted')
  })

  test('a leaf whose key is off the curve vouches for nothing', () => {
    const point = rawPoint(authority.keys.pck)
    expect(outcome(() => chainOf(forged(specOf(authority, 'pck'), tbs => swapped(tbs, point, offCurve))))).toBe('qe-report-untrusted')
  })

  test('a CA whose key is off the curve has issued nothing', () => {
    const ca = forged(specOf(authority, 'pckCa'), tbs => swapped(tbs, rawPoint(authority.keys.pckCa), offCurve))
    expect(outcome(() => chainOf(pck, ca))).toBe('chain-untrusted')
  })

  test('an attestation key that is off the curve signs nothing, even where the QE vouches for it', () => {
    const auth = Buffer.from(Array.from({ length: 32 }, (_, index) => index))
    const reportData = Buffer.concat([createHash('sha256').update(offCurve).update(auth).digest(), Buffer.alloc(32)])
    const quote = swapped(authority.issueQuote({ qeReport: { reportData } }), rawPoint(authority.keys.attestation), offCurve)
    expect(outcome(() => judge({ quote }))).toBe('quote-signature-invalid')
  })

  const falseBoolean = Buffer.from('30030101 00'.replace(' ', ''), 'hex')
  test.each<[string, CertificateSpec['extensions'][number]]>([
    ['a default that is spelled out', { oid: '2.5.29.19', critical: true, value: falseBoolean }],
    ['a path length for what is no CA', { oid: '2.5.29.19', critical: true, value: Buffer.from('3003020100', 'hex') }],
    ['something after its basic constraints', { oid: '2.5.29.19', critical: true, value: Buffer.from('30000500', 'hex') }],
  ])('a leaf with %s is not read', (_, extension) => {
    const spec = specOf(authority, 'pck')
    const leaf = forged({ ...spec, extensions: spec.extensions.map(old => (old.oid === extension.oid ? extension : old)) }, tbs => tbs)
    expect(outcome(() => chainOf(leaf))).toBe('certificate-malformed')
  })
})

const elements = (bytes: Uint8Array) => readAll(readOne(bytes, tags.sequence).contents).map((element): Buffer => Buffer.from(element.raw))

/** The leaf with other members in its SGX extension. */
function sgxMembers(change: (members: Buffer[]) => Buffer[]): AuthorityEdits {
  const oid = '1.2.840.113741.1.13.1'
  const changed = (old: CertificateSpec['extensions'][number]) =>
    old.oid === oid ? { ...old, value: der.sequence(...change(elements(old.value))) } : old
  return { pck: spec => ({ ...spec, extensions: spec.extensions.map(changed) }) }
}

/** The TCB member of the SGX extension with its first component twice. */
function tcbTwice(member: Buffer): Buffer {
  const [oid, value] = elements(member)
  const components = elements(value!)
  return der.sequence(oid!, der.sequence(...components, components[0]!))
}
