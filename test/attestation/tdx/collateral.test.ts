/** Collateral on its own: who signed it, for when, and in which form. What is wrong with it is found before any quote is looked at. */
import { createPublicKey } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  type CollateralParts,
  type CryptoPort,
  intelRootDer,
  loadCollateral,
  parseQuote,
  verifyQuote,
} from '../../../src/attestation/index.ts'
import {
  type AuthorityEdits,
  basicConstraints,
  type CertificateSpec,
  type CrlSpec,
  type Edit,
  generateP256Key,
  keyUsage,
  keyUsageBits,
  pem,
  type QeIdentity,
  rfc3339,
  type SignedDocument,
  type TcbInfo,
} from '../../../src/tee/index.ts'
import { seededRandom } from '../../tee/support/seeded-random.ts'
import { outcome } from '../support/outcome.ts'
import { authority, day, judge, now, ports, stranger } from '../support/sample.ts'

const good = authority.collateral(now)
const otherKey = generateP256Key(seededRandom('another key'))
const { serials } = authority.profile
const { root, pckCa, pck, tcbSigner } = authority.certificates
/** What comes of collateral, on every crypto port the same. */
function load(parts: Partial<CollateralParts>, at = now, trusted: Uint8Array = authority.rootDer): string {
  const on = (crypto: CryptoPort) => outcome(() => loadCollateral({ ...good, ...parts }, at, trusted, { crypto }))
  const [first, ...others] = Object.values(ports).map(on)
  for (const other of others) expect(other).toBe(first)
  return first!
}
const loadEdited = (edits: AuthorityEdits) => load(authority.with(edits).collateral(now))

describe('good collateral', () => {
  test('is accepted, for the time that all of it is current', () => {
    const { validFrom, validUntil, tcbInfo, qeIdentity } = loadCollateral(good, now, authority.rootDer)
    expect([validFrom, validUntil]).toEqual([now, now + 30 * day])
    expect(tcbInfo).toMatchObject({ fmspc: 'c0de43485259', pceId: '0000', evaluationNumber: 20, issueDate: now })
    expect(qeIdentity).toMatchObject({ isvProdId: 2, evaluationNumber: 20, nextUpdate: now + 30 * day })
    expect([load({}, validFrom), load({}, validUntil - 1)]).toEqual(['accepted', 'accepted'])
    expect([load({}, validFrom - 1), load({}, validUntil)]).toEqual(['crl-expired', 'crl-expired'])
  })

  test('is used by nobody before it begins or after it ends, also where it was loaded in time', () => {
    const collateral = loadCollateral(good, now, authority.rootDer)
    const quote = parseQuote(authority.issueQuote())
    const at = (ms: number) => outcome(() => verifyQuote(quote, collateral, ms))
    expect([at(now), at(collateral.validUntil - 1)]).toEqual(['accepted', 'accepted'])
    expect([at(now - 1), at(collateral.validUntil)]).toEqual(['collateral-expired', 'collateral-expired'])
  })

  test.each<[string, AuthorityEdits]>([
    ['root CRL', { rootCaCrl: crl => ({ ...crl, nextUpdate: now + day }) }],
    ['PCK CRL', { pckCrl: crl => ({ ...crl, nextUpdate: now + day }) }],
    ['TCB info', { tcbInfo: windowed<TcbInfo>(now, now + day) }],
    ['QE identity', { qeIdentity: windowed<QeIdentity>(now, now + day) }],
    ['TCB signer', { tcbSigner: spec => ({ ...spec, notAfter: now + day }) }],
    ['PCK CA', { pckCa: spec => ({ ...spec, notAfter: now + day }) }],
  ])('ends with its %s, where that ends first', (_, edits) => {
    expect(loadCollateral(authority.with(edits).collateral(now), now, authority.rootDer).validUntil).toBe(now + day)
  })

  test('may spell hex in either case and hold members that nobody knows', () => {
    const edit = <Body extends object>(document: SignedDocument<Body>) => ({
      ...document,
      body: { ...document.body, another: [1, { deep: null }] },
    })
    const lower = good.tcbInfo.replace(/[0-9a-f]{128}"}$/, signature => signature.toUpperCase())
    expect(load({ tcbInfo: lower })).toBe('accepted')
    expect(load(authority.with({ tcbInfo: edit, qeIdentity: edit }).collateral(now))).toBe('accepted')
  })
})

describe('the trusted root', () => {
  test('is the one that was named, byte for byte: not a stranger’s, and not Intel’s', () => {
    expect(load({}, now, stranger.rootDer)).toBe('chain-untrusted')
    expect(load({}, now, intelRootDer)).toBe('chain-untrusted')
    expect(load(stranger.collateral(now))).toBe('chain-untrusted')
  })

  test('is that of both chains', () => {
    const { tcbIssuerChain, pckCrlIssuerChain, pckCrl, rootCaCrl, tcbInfo, qeIdentity } = stranger.collateral(now)
    expect(load({ pckCrlIssuerChain, pckCrl })).toBe('chain-untrusted')
    expect(load({ pckCrlIssuerChain, pckCrl, rootCaCrl })).toBe('chain-untrusted')
    expect(load({ tcbIssuerChain, tcbInfo, qeIdentity })).toBe('chain-untrusted')
  })

  test('is not replaced by one of the same name and key', () => {
    expect(loadEdited({ root: spec => ({ ...spec, notAfter: spec.notAfter + 1000 }) })).toBe('chain-untrusted')
  })

  test('is refused past its own time, though it is trusted', () => {
    const aged = authority.with({ root: spec => ({ ...spec, notAfter: now - 1000 }) })
    expect(load(aged.collateral(now), now, aged.rootDer)).toBe('certificate-expired')
  })

  test('has to be a CA', () => {
    const odd = authority.with({ root: replaced(basicConstraints(false)) })
    expect(load(odd.collateral(now), now, odd.rootDer)).toBe('chain-untrusted')
  })

  test('bounds the length of paths', () => {
    const short = authority.with({ root: replaced(basicConstraints(true, 0)) })
    expect(load(short.collateral(now), now, short.rootDer)).toBe('chain-untrusted')
  })
})

describe('the TCB signer', () => {
  test.each<[string, string, AuthorityEdits]>([
    ['past its time', 'certificate-expired', { tcbSigner: spec => ({ ...spec, notAfter: now - 1000 }) }],
    ['before its time', 'certificate-expired', { tcbSigner: spec => ({ ...spec, notBefore: now + 1000 }) }],
    ['that names another issuer', 'chain-untrusted', { tcbSigner: spec => ({ ...spec, issuer: spec.subject }) }],
    ['signed by another key', 'chain-untrusted', { tcbSigner: spec => ({ ...spec, issuerKey: otherKey }) }],
    ['that is a CA', 'chain-untrusted', { tcbSigner: replaced(basicConstraints(true, 0)) }],
    ['that may not sign', 'chain-untrusted', { tcbSigner: replaced(keyUsage(keyUsageBits.cRLSign)) }],
    [
      'by another name',
      'chain-untrusted',
      { tcbSigner: spec => ({ ...spec, subject: renamed(spec, 'Chrysalis Development TCB Signing') }) },
    ],
    ['that is revoked', 'certificate-revoked', { rootCaCrl: revoking(serials.tcbSigner) }],
  ])('%s is refused: %s', (_, code, edits) => {
    expect(loadEdited(edits)).toBe(code)
  })

  test('is not a PCK certificate, nor one that anybody’s PCK CA issued', () => {
    expect(load({ tcbIssuerChain: pem(pck, root) })).toBe('chain-untrusted')
    const sideways = authority.with({ tcbSigner: spec => ({ ...spec, issuer: namesOf('pckCa'), issuerKey: authority.keys.pckCa }) })
    expect(load(sideways.collateral(now))).toBe('chain-untrusted')
  })

  test.each<[string, Partial<CollateralParts>]>([
    ['no root', { tcbIssuerChain: pem(tcbSigner) }],
    ['a certificate too many', { tcbIssuerChain: pem(tcbSigner, pckCa, root) }],
    ['no PCK CA', { pckCrlIssuerChain: pem(root) }],
    ['words in it', { pckCrlIssuerChain: `# chain\n${pem(pckCa, root)}` }],
    ['a certificate that is cut off', { tcbIssuerChain: pem(tcbSigner.subarray(0, -1), root) }],
  ])('is refused with a chain of %s', (_, parts) => {
    expect(load(parts)).toBe('certificate-malformed')
  })
})

describe('revocation lists', () => {
  test.each<[string, string, AuthorityEdits]>([
    ['of the root that is past its time', 'crl-expired', { rootCaCrl: crl => ({ ...crl, nextUpdate: now }) }],
    ['of the root that is before its time', 'crl-expired', { rootCaCrl: crl => ({ ...crl, thisUpdate: now + 1000 }) }],
    ['of the root without nextUpdate', 'collateral-malformed', { rootCaCrl: crl => ({ ...crl, nextUpdate: null }) }],
    ['of the root signed by another key', 'crl-untrusted', { rootCaCrl: crl => ({ ...crl, issuerKey: otherKey }) }],
    ['of the root that names another issuer', 'crl-untrusted', { rootCaCrl: crl => ({ ...crl, issuer: namesOf('pckCa') }) }],
    ['of the root with the PCK CA in it', 'certificate-revoked', { rootCaCrl: revoking(serials.pckCa) }],
    ['of the root with a critical extension', 'collateral-malformed', { rootCaCrl: critical }],
    ['of the PCK CA that is past its time', 'crl-expired', { pckCrl: crl => ({ ...crl, nextUpdate: now }) }],
    ['of the PCK CA that is before its time', 'crl-expired', { pckCrl: crl => ({ ...crl, thisUpdate: now + 1000 }) }],
    ['of the PCK CA without nextUpdate', 'collateral-malformed', { pckCrl: crl => ({ ...crl, nextUpdate: null }) }],
    ['of the PCK CA signed by another key', 'crl-untrusted', { pckCrl: crl => ({ ...crl, issuerKey: otherKey }) }],
    ['of the PCK CA signed by the root', 'crl-untrusted', { pckCrl: crl => ({ ...crl, issuerKey: authority.keys.root }) }],
    ['of the PCK CA that names another issuer', 'crl-untrusted', { pckCrl: crl => ({ ...crl, issuer: namesOf('root') }) }],
  ])('%s: %s', (_, code, edits) => {
    expect(loadEdited(edits)).toBe(code)
  })

  test.each<[string, AuthorityEdits['pckCrl'], string]>([
    ['nothing in them', crl => ({ ...crl, revoked: [] }), 'accepted'],
    ['no extensions', crl => ({ ...crl, extensions: [] }), 'accepted'],
    ['neither', crl => ({ ...crl, revoked: [], extensions: [] }), 'accepted'],
    ['one revoked and no extensions', crl => ({ ...crl, revoked: [Buffer.of(7)], extensions: [] }), 'accepted'],
  ])('with %s are read', (_, edit, expected) => {
    expect(loadEdited({ pckCrl: edit!, rootCaCrl: edit! })).toBe(expected)
  })

  test('without extensions revoke all the same', () => {
    const edit: AuthorityEdits['rootCaCrl'] = crl => ({ ...crl, revoked: [serials.pckCa], extensions: [] })
    expect(loadEdited({ rootCaCrl: edit })).toBe('certificate-revoked')
  })

  test.each<[string, string, Partial<CollateralParts>]>([
    ['are missing', 'collateral-malformed', { rootCaCrl: Buffer.alloc(0) }],
    ['are in each other’s place', 'crl-untrusted', { rootCaCrl: good.pckCrl, pckCrl: good.rootCaCrl }],
    ['are a stranger’s', 'crl-untrusted', { pckCrl: stranger.collateral(now).pckCrl }],
    ['are certificates', 'collateral-malformed', { pckCrl: pckCa }],
    ['have a byte after them', 'collateral-malformed', { pckCrl: Buffer.concat([good.pckCrl, Buffer.of(0)]) }],
    ['are beyond any size', 'collateral-malformed', { pckCrl: longList(1024 * 1024 + 1) }],
    ['are of version 1', 'collateral-malformed', { pckCrl: versionOne(good.pckCrl) }],
  ])('that %s are refused: %s', (_, code, parts) => {
    expect(load(parts)).toBe(code)
  })

  test('with the PCK certificate in them refuse its quotes, and with another’s do not', () => {
    const judged = (edits: AuthorityEdits) => outcome(() => judge({ quoteBy: authority, collateralBy: authority.with(edits) }))
    expect(judged({ pckCrl: revoking(serials.pck) })).toBe('certificate-revoked')
    expect(judged({ pckCrl: revoking(serials.root, serials.pck, serials.pckCa) })).toBe('certificate-revoked')
    expect(judged({ pckCrl: revoking(stranger.profile.serials.pck) })).toBe('accepted')
    expect(judged({ rootCaCrl: revoking(serials.pck) })).toBe('accepted')
  })

  test('with the serial of a CA that was issued anew refuse the quotes with that one in their chain', () => {
    const serial = Buffer.alloc(20, 0x55)
    const anew = authority.with({ pckCa: spec => ({ ...spec, serial }) })
    const judged = (edits: AuthorityEdits) => outcome(() => judge({ quoteBy: anew, collateralBy: authority.with(edits) }))
    expect(judged({})).toBe('accepted')
    expect(judged({ rootCaCrl: revoking(serial) })).toBe('certificate-revoked')
  })

  test('of a CA of the same name with another key do not do', () => {
    const namesake = authority.with({
      pckCa: spec => ({ ...spec, publicKey: createPublicKey(otherKey) }),
      pckCrl: crl => ({ ...crl, issuerKey: otherKey }),
    })
    expect(load(namesake.collateral(now))).toBe('accepted')
    expect(outcome(() => judge({ quoteBy: authority, collateralBy: namesake }))).toBe('collateral-mismatch')
  })

  test('of the PCK CA’s sister do not do', () => {
    const sister = authority.with({
      pckCa: spec => ({ ...spec, subject: renamed(spec, 'Chrysalis Development SGX PCK Processor CA') }),
      pckCrl: crl => ({ ...crl, issuer: renamed({ subject: crl.issuer }, 'Chrysalis Development SGX PCK Processor CA') }),
    })
    expect(load(sister.collateral(now))).toBe('accepted')
    expect(outcome(() => judge({ quoteBy: authority, collateralBy: sister }))).toBe('collateral-mismatch')
  })
})

test('a revocation list may be of a megabyte', () => {
  expect(load({ pckCrl: longList(1024 * 1024) })).toBe('accepted')
})

describe('TCB info and QE identity', () => {
  const info = (change: object): AuthorityEdits => ({ tcbInfo: document => ({ ...document, body: { ...document.body, ...change } }) })
  const identity = (change: object): AuthorityEdits => ({
    qeIdentity: document => ({ ...document, body: { ...document.body, ...change } }),
  })
  const levels = (change: object) => (document: SignedDocument<TcbInfo>) => ({
    ...document,
    body: { ...document.body, tcbLevels: document.body.tcbLevels.map(level => ({ ...level, ...change })) },
  })

  const tcb = (change: object) => (document: SignedDocument<TcbInfo>) => ({
    ...document,
    body: { ...document.body, tcbLevels: document.body.tcbLevels.map(level => ({ ...level, tcb: { ...level.tcb, ...change } })) },
  })
  const modules = (change: object) => (document: SignedDocument<TcbInfo>) => ({
    ...document,
    body: {
      ...document.body,
      tdxModuleIdentities: document.body.tdxModuleIdentities!.map(module => ({
        ...module,
        tcbLevels: module.tcbLevels.map(level => ({ ...level, ...change })),
      })),
    },
  })
  const qeLevels = (change: object) => (document: SignedDocument<QeIdentity>) => ({
    ...document,
    body: { ...document.body, tcbLevels: document.body.tcbLevels.map(level => ({ ...level, ...change })) },
  })

  test.each<[string, string, AuthorityEdits]>([
    ['TCB info signed by another key', 'collateral-untrusted', { tcbInfo: document => ({ ...document, key: otherKey }) }],
    ['TCB info past its time', 'collateral-expired', { tcbInfo: windowed<TcbInfo>(now - day, now) }],
    ['TCB info before its time', 'collateral-expired', { tcbInfo: windowed<TcbInfo>(now + 1000, now + day) }],
    ['TCB info of SGX', 'collateral-malformed', info({ id: 'SGX' })],
    ['TCB info of version 2', 'collateral-malformed', info({ version: 2 })],
    ['TCB info of version 4', 'collateral-malformed', info({ version: 4 })],
    ['TCB info with a time of another zone', 'collateral-malformed', info({ nextUpdate: '2099-01-01T00:00:00+00:00' })],
    ['TCB info with a part of a second', 'collateral-malformed', info({ nextUpdate: '2099-01-01T00:00:00.000Z' })],
    ['TCB info with a time in small letters', 'collateral-malformed', info({ nextUpdate: '2099-01-01t00:00:00z' })],
    ['TCB info with an evaluation number of half', 'collateral-malformed', info({ tcbEvaluationDataNumber: 20.5 })],
    ['TCB info with a PCESVN beyond 16 bits', 'collateral-malformed', { tcbInfo: tcb({ pcesvn: 65_536 }) }],
    ['TCB info with an SVN beyond a byte', 'collateral-malformed', { tcbInfo: tcb({ sgxtcbcomponents: Array(16).fill({ svn: 256 }) }) }],
    ['TCB info with a negative SVN', 'collateral-malformed', { tcbInfo: tcb({ tdxtcbcomponents: Array(16).fill({ svn: -1 }) }) }],
    ['TCB info with fifteen components', 'collateral-malformed', { tcbInfo: tcb({ tdxtcbcomponents: Array(15).fill({ svn: 0 }) }) }],
    ['TCB info with an SVN in words', 'collateral-malformed', { tcbInfo: tcb({ sgxtcbcomponents: Array(16).fill({ svn: '1' }) }) }],
    ['TCB info with a platform’s status for a module', 'collateral-malformed', { tcbInfo: modules({ tcbStatus: 'SWHardeningNeeded' }) }],
    ['TCB info with a module’s ISVSVN beyond 16 bits', 'collateral-malformed', { tcbInfo: modules({ tcb: { isvsvn: 65_536 } }) }],
    ['TCB info with a module’s date of no form', 'collateral-malformed', { tcbInfo: modules({ tcbDate: 'yesterday' }) }],
    ['TCB info with a date of no form', 'collateral-malformed', info({ nextUpdate: '2099-01-01' })],
    ['TCB info with the 13th month', 'collateral-malformed', info({ nextUpdate: '2099-13-01T00:00:00Z' })],
    ['TCB info with the 30th of February', 'collateral-malformed', info({ nextUpdate: '2099-02-30T00:00:00Z' })],
    ['TCB info with half an FMSPC', 'collateral-malformed', info({ fmspc: 'c0de43' })],
    ['TCB info with an FMSPC that is no hex', 'collateral-malformed', info({ fmspc: 'c0de4348525z' })],
    ['TCB info with a negative evaluation number', 'collateral-malformed', info({ tcbEvaluationDataNumber: -1 })],
    ['TCB info with an evaluation number in words', 'collateral-malformed', info({ tcbEvaluationDataNumber: '20' })],
    ['TCB info with nothing for a module', 'collateral-malformed', info({ tdxModule: null })],
    ['TCB info without a module', 'collateral-malformed', info({ tdxModule: undefined })],
    ['TCB info without levels', 'collateral-malformed', info({ tcbLevels: undefined })],
    ['TCB info with levels without end', 'collateral-malformed', info({ tcbLevels: Array(65).fill({}) })],
    ['TCB info with a status nobody knows', 'collateral-malformed', { tcbInfo: levels({ tcbStatus: 'Fine' }) }],
    ['TCB info with a status of another case', 'collateral-malformed', { tcbInfo: levels({ tcbStatus: 'uptodate' }) }],
    ['TCB info with a level without components', 'collateral-malformed', { tcbInfo: levels({ tcb: { pcesvn: 1 } }) }],
    ['TCB info with advisories that are no texts', 'collateral-malformed', { tcbInfo: levels({ advisoryIDs: [1] }) }],
    ['TCB info with advisories that are no list', 'collateral-malformed', { tcbInfo: levels({ advisoryIDs: 'INTEL-SA-1' }) }],
    ['TCB info with a module twice', 'collateral-malformed', { tcbInfo: twice }],
    ['QE identity signed by another key', 'collateral-untrusted', { qeIdentity: document => ({ ...document, key: otherKey }) }],
    ['QE identity past its time', 'collateral-expired', { qeIdentity: windowed<QeIdentity>(now - day, now) }],
    ['QE identity before its time', 'collateral-expired', { qeIdentity: windowed<QeIdentity>(now + 1000, now + day) }],
    ['QE identity of SGX', 'collateral-malformed', identity({ id: 'QE' })],
    ['QE identity of version 3', 'collateral-malformed', identity({ version: 3 })],
    ['QE identity of version 1', 'collateral-malformed', identity({ version: 1 })],
    ['QE identity with a platform’s status', 'collateral-malformed', { qeIdentity: qeLevels({ tcbStatus: 'ConfigurationNeeded' }) }],
    ['QE identity with an ISVSVN of half', 'collateral-malformed', { qeIdentity: qeLevels({ tcb: { isvsvn: 1.5 } }) }],
    ['QE identity with a date of no form', 'collateral-malformed', identity({ issueDate: '2026-06-01 00:00:00Z' })],
    ['QE identity without an evaluation number', 'collateral-malformed', identity({ tcbEvaluationDataNumber: undefined })],
    ['QE identity without levels', 'collateral-malformed', identity({ tcbLevels: undefined })],
    ['QE identity with a mask of a wrong size', 'collateral-malformed', identity({ attributesMask: 'ff' })],
    ['QE identity with a product id beyond 16 bits', 'collateral-malformed', identity({ isvprodid: 65_536 })],
  ])('%s: %s', (_, code, edits) => {
    expect(loadEdited(edits)).toBe(code)
  })

  const body = JSON.stringify(JSON.parse(good.tcbInfo).tcbInfo)
  const signature: string = JSON.parse(good.tcbInfo).signature
  test.each<[string, string, string]>([
    ['with another value under the same signature', 'collateral-untrusted', good.tcbInfo.replace('"OutOfDate"', '"UpToDate"')],
    ['with a space more inside what is signed', 'collateral-untrusted', good.tcbInfo.replace('"version":3', '"version": 3')],
    ['with a space more outside of it', 'accepted', good.tcbInfo.replace(',"signature"', ' , "signature"')],
    ['the other way about', 'accepted', `{"signature":"${signature}","tcbInfo":${body}}`],
    ['with a member more', 'collateral-malformed', good.tcbInfo.replace(',"signature"', ',"also":1,"signature"')],
    ['with the document twice', 'collateral-malformed', `{"tcbInfo":${body},"tcbInfo":${body},"signature":"${signature}"}`],
    ['with a member twice inside', 'collateral-malformed', good.tcbInfo.replace('"version":3', '"version":3,"version":3')],
    ['without a signature', 'collateral-malformed', `{"tcbInfo":${body}}`],
    ['with half a signature', 'collateral-malformed', `{"tcbInfo":${body},"signature":"${signature.slice(64)}"}`],
    ['with a signature in a list', 'collateral-malformed', `{"tcbInfo":${body},"signature":["${signature}"]}`],
    ['with a signature of zeros', 'collateral-untrusted', `{"tcbInfo":${body},"signature":"${'0'.repeat(128)}"}`],
    ['with something after it', 'collateral-malformed', `${good.tcbInfo}1`],
    ['with a mark of byte order', 'collateral-malformed', `\ufeff${good.tcbInfo}`],
    ['that is the QE identity', 'collateral-malformed', good.qeIdentity],
    ['at its largest', 'accepted', good.tcbInfo.padEnd(256 * 1024)],
    ['beyond any size', 'collateral-malformed', good.tcbInfo.padEnd(256 * 1024 + 1)],
    ['of nothing', 'collateral-malformed', ''],
  ])('TCB info %s: %s', (_, code, tcbInfo) => {
    expect(load({ tcbInfo })).toBe(code)
  })

  test('may have numbers and lists up to their bounds', () => {
    const largest = authority.with({
      tcbInfo: document => {
        const [best] = document.body.tcbLevels
        const svns = (svn: number) => Array<{ svn: number }>(16).fill({ svn })
        const top = { ...best!, tcb: { sgxtcbcomponents: svns(255), tdxtcbcomponents: svns(255), pcesvn: 65_535 } }
        const tcbLevels = [...Array<typeof top>(64 - document.body.tcbLevels.length).fill(top), ...document.body.tcbLevels]
        return { ...document, body: { ...document.body, tcbLevels, tcbEvaluationDataNumber: 1_000_000 } }
      },
    })
    expect(judge({ by: largest }).status).toBe('UpToDate')
  })

  test('are signed as they are spelled: odd spaces, members in another order, escapes', () => {
    const odd = authority.with({
      tcbInfo: document => ({ ...document, text: JSON.stringify(Object.fromEntries(Object.entries(document.body).toReversed()), null, 3) }),
      qeIdentity: document => ({ ...document, text: JSON.stringify(document.body).replace('"TD_QE"', ' "\\u0054D_QE"\t') }),
    })
    expect(load(odd.collateral(now))).toBe('accepted')
    expect(judge({ by: odd }).status).toBe('UpToDate')
  })

  test('of another platform do not do for a quote', () => {
    const judged = (edits: AuthorityEdits) => outcome(() => judge({ quoteBy: authority, collateralBy: authority.with(edits) }))
    expect(judged(info({ fmspc: '00906ED50000' }))).toBe('collateral-mismatch')
    expect(judged(info({ pceId: '0001' }))).toBe('collateral-mismatch')
    expect(judged(identity({ mrsigner: '00'.repeat(32) }))).toBe('qe-identity-mismatch')
    expect(judged(identity({ isvprodid: 1 }))).toBe('qe-identity-mismatch')
    expect(judged(identity({ miscselect: '00000001' }))).toBe('qe-identity-mismatch')
    expect(judged(identity({ attributes: '13000000000000000000000000000000' }))).toBe('qe-identity-mismatch')
  })

  test('give MISCSELECT as a number, which stands the other way about in the report', () => {
    const asking = authority.with(identity({ miscselect: '00000102' }))
    expect(judge({ by: asking, request: { qeReport: { miscSelect: 0x102 } } }).qe).toBe('UpToDate')
    expect(outcome(() => judge({ by: asking, request: { qeReport: { miscSelect: 0x02010000 } } }))).toBe('qe-identity-mismatch')
  })

  test('the older evaluation of the two is the one that counts', () => {
    const older = authority.with(identity({ tcbEvaluationDataNumber: 17 }))
    expect(judge({ by: older }).evaluationNumber).toBe(17)
  })
})

function windowed<Body extends TcbInfo | QeIdentity>(from: number, until: number): Edit<SignedDocument<Body>> {
  return document => ({ ...document, body: { ...document.body, issueDate: rfc3339(from), nextUpdate: rfc3339(until) } })
}

function revoking(...revoked: Uint8Array[]): Edit<CrlSpec> {
  return crl => ({ ...crl, revoked })
}

/** A good list of just so many bytes: an extension that nobody reads makes up for what entries do not. */
function longList(size: number): Buffer {
  const of = (filling: number) => {
    const extension = { oid: '1.2.3', critical: false, value: Buffer.alloc(filling) }
    return authority.with({ pckCrl: crl => ({ ...crl, extensions: [...crl.extensions, extension] }) }).collateral(now).pckCrl
  }
  // The signature's own size differs by a byte or two from one to the next.
  let list = of(size)
  while (list.length !== size) list = of(size - (of(size).length - size))
  return list
}

/** The list with its version lowered; nobody's signature is over that. */
function versionOne(list: Uint8Array): Buffer {
  const copy = Buffer.from(list)
  const at = copy.indexOf(Buffer.from('020101', 'hex'))
  copy[at + 2] = 0
  return copy
}

function critical(crl: CrlSpec): CrlSpec {
  return { ...crl, extensions: [...crl.extensions, { oid: '2.5.29.27', critical: true, value: Buffer.of(2, 1, 1) }] }
}

function replaced(extension: CertificateSpec['extensions'][number]): Edit<CertificateSpec> {
  return spec => ({ ...spec, extensions: spec.extensions.map(old => (old.oid === extension.oid ? extension : old)) })
}

function renamed({ subject }: Pick<CertificateSpec, 'subject'>, cn: string): CertificateSpec['subject'] {
  return subject.map(pair => (pair[0] === 'CN' ? (['CN', cn] as const) : pair))
}

/** The name under which the authority's certificate of this role stands. */
function namesOf(name: 'root' | 'pckCa'): CertificateSpec['subject'] {
  let subject: CertificateSpec['subject'] = []
  authority.with({
    [name]: (spec: CertificateSpec) => {
      subject = spec.subject
      return spec
    },
  })
  return subject
}

function twice(document: SignedDocument<TcbInfo>): SignedDocument<TcbInfo> {
  const identities = document.body.tdxModuleIdentities ?? []
  return { ...document, body: { ...document.body, tdxModuleIdentities: [...identities, ...identities] } }
}
