/** The quote itself: its form, its chain, its quoting enclave, its signature. One good quote, and each thing wrong with it alone. */
import { createPublicKey } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { parseQuote } from '../../../src/attestation/index.ts'
import {
  type AuthorityEdits,
  basicConstraints,
  type CertificateSpec,
  developmentMeasurements,
  developmentQe,
  type Edit,
  generateP256Key,
  keyUsage,
  keyUsageBits,
  pem,
  type QuoteParts,
  type QuoteRequest,
  qeReportData,
  quoteCertificateChain,
} from '../../../src/tee/index.ts'
import { seededRandom } from '../../tee/support/seeded-random.ts'
import { outcome } from '../support/outcome.ts'
import { authority, day, judge, now, stranger } from '../support/sample.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const otherKey = generateP256Key(seededRandom('another key'))
const { root, pckCa, pck } = authority.certificates

describe('a good quote', () => {
  test.each([
    ['version 4', {}],
    ['version 5 with a TD 1.0 body', { version: 5, bodyType: 2 }],
    ['version 5 with a TD 1.5 body', { version: 5, bodyType: 3 }],
    ['no QE authentication data', { edit: withAuthData(Buffer.alloc(0)) }],
    ['the most QE authentication data', { edit: withAuthData(Buffer.alloc(1024, 7)) }],
  ] as const)('verifies: %s', (_, request) => {
    const facts = judge({ request })
    expect(facts).toMatchObject({
      status: 'UpToDate',
      platform: 'UpToDate',
      module: 'UpToDate',
      qe: 'UpToDate',
      advisories: [],
      tcbDate: '2025-08-13T00:00:00Z',
      evaluationNumber: 20,
      fmspc: 'c0de43485259',
      ppid: hex(authority.profile.sgx.ppid),
    })
    expect(facts.checks.map(check => check.ok)).toEqual(Array(15).fill(true))
  })

  test('gives every field of its report as it was issued', () => {
    const reportData = Buffer.from(Array.from({ length: 64 }, (_, index) => index))
    const mrServiceTd = Buffer.alloc(48, 9)
    const { report } = judge({ request: { version: 5, body: { reportData, mrServiceTd } } })
    const { rtMr0, rtMr1, rtMr2, rtMr3, ...rest } = developmentMeasurements
    for (const [field, value] of Object.entries({ ...rest, rtmr: [rtMr0, rtMr1, rtMr2, rtMr3], reportData, mrServiceTd }))
      expect(Reflect.get(report, field), field).toEqual(value)
  })

  test('leaves its service TD and second SVN unsaid in a TD 1.0 body', () => {
    expect(judge({}).report).toMatchObject({ teeTcbSvn2: undefined, mrServiceTd: undefined })
  })
})

describe('the form of a quote', () => {
  const good = authority.issueQuote()
  const good5 = authority.issueQuote({ version: 5 })
  const signatureData = 48 + 584
  const edited = (edit: (bytes: Buffer) => void, from = good) => {
    const bytes = Buffer.from(from)
    edit(bytes)
    return bytes
  }
  const outerType = signatureData + 4 + 128
  const innerType = outerType + 6 + 384 + 64 + 2 + 32
  const resized = (at: number, by: number) => edited(bytes => bytes.writeUInt32LE(bytes.readUInt32LE(at) + by, at))

  test.each<[string, string, Buffer]>([
    ['no bytes', 'quote-malformed', Buffer.alloc(0)],
    ['version 3', 'quote-unsupported', authority.issueQuote({ header: { version: 3 } })],
    ['version 6', 'quote-unsupported', edited(bytes => bytes.writeUInt16LE(6, 0))],
    ['version 3 in the form of version 5', 'quote-unsupported', edited(bytes => bytes.writeUInt16LE(3, 0), good5)],
    ['version 6 in the form of version 5', 'quote-unsupported', edited(bytes => bytes.writeUInt16LE(6, 0), good5)],
    ['an attestation key on P-384', 'quote-unsupported', authority.issueQuote({ header: { attestationKeyType: 3 } })],
    ['an SGX enclave', 'quote-unsupported', authority.issueQuote({ header: { teeType: 0 } })],
    ['an unknown TEE', 'quote-unsupported', authority.issueQuote({ header: { teeType: 0x10081 } })],
    ['reserved header bytes in use', 'quote-malformed', authority.issueQuote({ header: { reserved: Buffer.of(0, 0, 1, 0) } })],
    ['a body of an SGX enclave', 'quote-unsupported', edited(bytes => bytes.writeUInt16LE(1, 48), good5)],
    ['a body of an unknown type', 'quote-unsupported', edited(bytes => bytes.writeUInt16LE(5, 48), good5)],
    ['a body size of another type', 'quote-malformed', edited(bytes => bytes.writeUInt32LE(584, 50), good5)],
    ['a huge body size', 'quote-malformed', edited(bytes => bytes.writeUInt32LE(0xffffffff, 50), good5)],
    ['one byte after it', 'quote-malformed', Buffer.concat([good, Buffer.alloc(1)])],
    ['signature data one byte short', 'quote-malformed', edited(b => b.writeUInt32LE(b.length - signatureData - 5, signatureData))],
    ['a huge signature size', 'quote-malformed', edited(bytes => bytes.writeUInt32LE(0xffffffff, signatureData))],
    ['certification data of another type', 'quote-unsupported', edited(b => b.writeUInt16LE(5, signatureData + 4 + 128))],
    ['a huge size of certification data', 'quote-malformed', edited(b => b.writeUInt32LE(0xffffffff, signatureData + 4 + 130))],
    ['too much QE authentication data', 'quote-malformed', authority.issueQuote({ edit: withAuthData(Buffer.alloc(1025)) })],
    ['QE authentication data beyond its end', 'quote-malformed', edited(b => b.writeUInt16LE(0xffff, innerType - 34))],
    ['a PPID in place of the PCK chain', 'quote-unsupported', edited(bytes => bytes.writeUInt16LE(3, innerType))],
    ['a huge size of the PCK chain', 'quote-malformed', edited(bytes => bytes.writeUInt32LE(0xffffffff, innerType + 2))],
    ['certification data one byte short', 'quote-malformed', resized(outerType + 2, -1)],
    ['certification data one byte long', 'quote-malformed', resized(outerType + 2, 1)],
    ['a PCK chain one byte short', 'quote-malformed', resized(innerType + 2, -1)],
    ['a PCK chain one byte long', 'quote-malformed', resized(innerType + 2, 1)],
    ['signature data one byte long', 'quote-malformed', resized(signatureData, 1)],
    ['a body of the TD 1.0 type with the size of TD 1.5', 'quote-malformed', edited(bytes => bytes.writeUInt16LE(2, 48), good5)],
    ['a body of type 0', 'quote-unsupported', edited(bytes => bytes.writeUInt16LE(0, 48), good5)],
    ['more than 16 KB', 'quote-malformed', Buffer.concat([good, Buffer.alloc(16 * 1024)])],
  ])('refuses %s: %s', (_, code, bytes) => {
    expect(outcome(() => parseQuote(bytes))).toBe(code)
  })

  test.each([1, 2, 3, 4, 6, 7])('refuses a PCK identification of type %i: only the chain itself, type 5, is taken', type => {
    expect(outcome(() => parseQuote(edited(bytes => bytes.writeUInt16LE(type, innerType))))).toBe('quote-unsupported')
  })

  test.each([1, 2, 3, 4, 5, 7])('refuses certification data of type %i: only the QE’s report, type 6, is taken', type => {
    expect(outcome(() => parseQuote(edited(bytes => bytes.writeUInt16LE(type, outerType))))).toBe('quote-unsupported')
  })

  test('passes over zeros after it only where the caller says so, and over nothing else', () => {
    const padded = (padding: Buffer, allowZeroPadding?: boolean) =>
      outcome(() => parseQuote(Buffer.concat([good, padding]), allowZeroPadding === undefined ? {} : { allowZeroPadding }))
    expect([padded(Buffer.alloc(70)), padded(Buffer.alloc(70), false), padded(Buffer.alloc(70), true)]).toEqual([
      'quote-malformed',
      'quote-malformed',
      'accepted',
    ])
    expect(padded(Buffer.from('0000000001', 'hex'), true)).toBe('quote-malformed')
    expect(padded(Buffer.alloc(16 * 1024 - good.length), true)).toBe('accepted')
    expect(padded(Buffer.alloc(16 * 1024 - good.length + 1), true)).toBe('quote-malformed')
    expect(outcome(() => parseQuote(resized(innerType + 2, -1), { allowZeroPadding: true }))).toBe('quote-malformed')
  })

  test('refuses every quote that is cut off, wherever', () => {
    for (const whole of [good, good5])
      for (let size = 0; size < whole.length; size++)
        expect(
          outcome(() => parseQuote(whole.subarray(0, size))),
          `cut to ${size}`,
        ).toBe('quote-malformed')
  })
})

describe('a body of TD 1.5 extended', () => {
  const tail = Buffer.from(Array.from({ length: 237 }, (_, index) => index))
  const quote = authority.issueQuote({
    version: 5,
    edit: q => ({ ...q, body: { type: 4, bytes: Buffer.concat([q.body.bytes, tail]) } }),
  })

  test('is read, field by field', () => {
    const { bodyType, report } = parseQuote(quote)
    const { extended } = report
    const bytes = [
      extended!.vmId,
      extended!.tdId,
      extended!.deviceInfo,
      ...Object.values(extended!.firstServiceTd),
      ...Object.values(extended!.firstMachine),
      ...Object.values(extended!.presentServiceTd),
    ]
    expect(bodyType).toBe(4)
    expect(bytes.map(field => field.length)).toEqual([1, 32, 48, 48, 8, 16, 16, 12, 48, 8])
    expect(Buffer.concat(bytes)).toEqual(tail)
    expect(report.teeTcbSvn2).toEqual(developmentMeasurements.teeTcbSvn2)
  })

  test('is refused, by a message of its own', () => {
    expect(outcome(() => judge({ quote }))).toBe('quote-unsupported')
    expect(() => judge({ quote })).toThrow('a TD 1.5 extended body (type 4) can be read, but is not accepted')
  })

  test('verifies for a caller who judges it, and is signed like any other', () => {
    expect(judge({ quote, options: { allowExtendedTd: true } })).toMatchObject({ status: 'UpToDate', bodyType: 4 })
    const changed = Buffer.from(quote)
    changed[54 + 884]! ^= 1
    expect(outcome(() => judge({ quote: changed, options: { allowExtendedTd: true } }))).toBe('quote-signature-invalid')
  })
})

describe('the PCK chain in a quote', () => {
  const { keyCertSign, cRLSign } = keyUsageBits
  const replaced = (spec: CertificateSpec, ...extensions: CertificateSpec['extensions']): CertificateSpec => ({
    ...spec,
    extensions: spec.extensions.map(old => extensions.find(({ oid }) => oid === old.oid) ?? old),
  })
  const without = (spec: CertificateSpec, oid: string): CertificateSpec => ({
    ...spec,
    extensions: spec.extensions.filter(extension => extension.oid !== oid),
  })
  const renamed = (spec: CertificateSpec, cn: string): CertificateSpec => ({
    ...spec,
    subject: spec.subject.map(pair => (pair[0] === 'CN' ? (['CN', cn] as const) : pair)),
  })
  const late: Edit<CertificateSpec> = spec => ({ ...spec, notAfter: now - 1000 })
  const early: Edit<CertificateSpec> = spec => ({ ...spec, notBefore: now + 1000 })
  const critical = { oid: '1.2.3.4', critical: true, value: Buffer.of(5, 0) }
  const bareUsage = '2.5.29.15'

  test.each<[string, string, AuthorityEdits]>([
    ['a PCK certificate past its time', 'certificate-expired', { pck: late }],
    ['a PCK certificate before its time', 'certificate-expired', { pck: early }],
    ['a PCK certificate that names another issuer', 'chain-untrusted', { pck: spec => ({ ...spec, issuer: spec.subject }) }],
    ['a PCK certificate signed by another key', 'chain-untrusted', { pck: spec => ({ ...spec, issuerKey: otherKey }) }],
    ['a PCK certificate by another name', 'chain-untrusted', { pck: spec => renamed(spec, 'Chrysalis Development SGX TCB Signing') }],
    ['a PCK certificate that is a CA', 'chain-untrusted', { pck: spec => replaced(spec, basicConstraints(true, 0)) }],
    ['a PCK certificate that may not sign', 'chain-untrusted', { pck: spec => replaced(spec, keyUsage(keyCertSign)) }],
    ['a PCK certificate without key usage', 'chain-untrusted', { pck: spec => without(spec, bareUsage) }],
    ['a PCK CA past its time', 'certificate-expired', { pckCa: late }],
    ['a PCK CA before its time', 'certificate-expired', { pckCa: early }],
    ['a PCK CA that names another issuer', 'chain-untrusted', { pckCa: spec => ({ ...spec, issuer: spec.subject }) }],
    ['a PCK CA signed by another key', 'chain-untrusted', { pckCa: spec => ({ ...spec, issuerKey: otherKey }) }],
    ['a PCK CA that is none', 'chain-untrusted', { pckCa: spec => replaced(spec, basicConstraints(false)) }],
    ['a PCK CA without basic constraints', 'chain-untrusted', { pckCa: spec => without(spec, '2.5.29.19') }],
    ['a PCK CA that may not sign certificates', 'chain-untrusted', { pckCa: spec => replaced(spec, keyUsage(cRLSign)) }],
    ['a PCK CA that may not sign CRLs', 'chain-untrusted', { pckCa: spec => replaced(spec, keyUsage(keyCertSign)) }],
    ['a PCK CA with another key', 'chain-untrusted', { pckCa: spec => ({ ...spec, publicKey: createPublicKey(stranger.keys.pckCa) }) }],
    ['a root past its time', 'chain-untrusted', { root: late }],
    ['another root of the same name and key', 'chain-untrusted', { root: spec => ({ ...spec, notAfter: spec.notAfter + 1000 }) }],
    ['a critical extension nobody knows', 'certificate-malformed', { pck: s => ({ ...s, extensions: [...s.extensions, critical] }) }],
    ['an extension twice', 'certificate-malformed', { pck: s => ({ ...s, extensions: [...s.extensions, s.extensions[0]!] }) }],
    ['no SGX extension', 'certificate-malformed', { pck: spec => without(spec, '1.2.840.113741.1.13.1') }],
    ['an SVN of more than a byte', 'certificate-malformed', { sgx: sgx => ({ ...sgx, tcbComponents: sgx.tcbComponents.with(4, 256) }) }],
    ['too few SVNs', 'certificate-malformed', { sgx: sgx => ({ ...sgx, tcbComponents: sgx.tcbComponents.slice(1) }) }],
    ['a PPID of a wrong size', 'certificate-malformed', { sgx: sgx => ({ ...sgx, ppid: sgx.ppid.subarray(1) }) }],
    ['an FMSPC of a wrong size', 'certificate-malformed', { sgx: sgx => ({ ...sgx, fmspc: sgx.fmspc.subarray(1) }) }],
    ['a platform of another FMSPC', 'collateral-mismatch', { sgx: sgx => ({ ...sgx, fmspc: Buffer.from('00906ed50000', 'hex') }) }],
    ['a platform of another PCEID', 'collateral-mismatch', { sgx: sgx => ({ ...sgx, pceId: Buffer.of(1, 0) }) }],
  ])('with %s is refused: %s', (_, code, edits) => {
    expect(outcome(() => judge({ quoteBy: authority.with(edits), collateralBy: authority }))).toBe(code)
  })

  const chain = (bytes: Uint8Array): QuoteRequest => ({ edit: good => ({ ...good, certificateChain: bytes }) })
  const text = (value: string) => chain(Buffer.from(value, 'latin1'))
  test.each<[string, string, QuoteRequest]>([
    ['in its form without the final zero', 'accepted', text(pem(pck, pckCa, root))],
    ['with lines that end as in Windows', 'accepted', text(pem(pck, pckCa, root).replaceAll('\n', '\r\n'))],
    ['of a stranger', 'chain-untrusted', chain(quoteCertificateChain(...Object.values(threeOf(stranger))))],
    ['that ends in a stranger’s root', 'chain-untrusted', chain(quoteCertificateChain(pck, pckCa, stranger.certificates.root))],
    ['in another order', 'chain-untrusted', chain(quoteCertificateChain(pckCa, pck, root))],
    [
      'with the TCB signer in place of the leaf',
      'chain-untrusted',
      chain(quoteCertificateChain(authority.certificates.tcbSigner, pckCa, root)),
    ],
    ['with the root in place of the CA', 'chain-untrusted', chain(quoteCertificateChain(pck, root, root))],
    ['without the root', 'certificate-malformed', chain(quoteCertificateChain(pck, pckCa))],
    ['with a fourth certificate', 'certificate-malformed', chain(quoteCertificateChain(pck, pckCa, root, root))],
    ['with words before it', 'certificate-malformed', text(`Intel\n${pem(pck, pckCa, root)}`)],
    ['with a byte after the final zero', 'certificate-malformed', text(`${pem(pck, pckCa, root)}\0x`)],
    ['with two final zeros', 'certificate-malformed', text(`${pem(pck, pckCa, root)}\0\0`)],
    ['with base64 spelled otherwise', 'certificate-malformed', text(pem(pck, pckCa, root).replace('\n-----END', '=\n-----END'))],
    [
      'with bytes after a certificate',
      'certificate-malformed',
      chain(quoteCertificateChain(Buffer.concat([pck, Buffer.of(0)]), pckCa, root)),
    ],
    ['with nothing in it', 'certificate-malformed', text('')],
    ['at its largest', 'accepted', text(pem(pck, pckCa, root).padEnd(12 * 1024))],
    ['beyond any size', 'certificate-malformed', text(pem(pck, pckCa, root).padEnd(12 * 1024 + 1))],
  ])('%s: %s', (_, code, request) => {
    expect(outcome(() => judge({ request }))).toBe(code)
  })

  test('holds for as long as each certificate does', () => {
    const short = authority.with({ pck: spec => ({ ...spec, notAfter: now + day }) })
    expect(outcome(() => judge({ quoteBy: short, at: now + day }))).toBe('accepted')
    expect(outcome(() => judge({ quoteBy: short, at: now + day + 1000 }))).toBe('certificate-expired')
    for (const name of ['pck', 'pckCa'] as const) {
      const fresh = authority.with({ [name]: (spec: CertificateSpec) => ({ ...spec, notBefore: now + day }) })
      const at = (ms: number) => outcome(() => judge({ quoteBy: fresh, collateralBy: authority, at: ms }))
      expect([at(now + day - 1), at(now + day)]).toEqual(['certificate-expired', 'accepted'])
    }
  })
})

describe('the quoting enclave and the signature', () => {
  const attestation = authority.keys.attestation
  test.each<[string, string, QuoteRequest]>([
    ['a QE report signed by another key', 'qe-report-untrusted', { edit: good => ({ ...good, qeSigningKey: otherKey }) }],
    ['a QE report that names no key', 'qe-report-mismatch', { qeReport: { reportData: Buffer.alloc(64) } }],
    ['an attestation key that the QE did not name', 'qe-report-mismatch', { edit: forged }],
    ['other QE authentication data', 'qe-report-mismatch', { edit: good => ({ ...good, qeAuthData: Buffer.alloc(32) }) }],
    ['a QE report with something after the key', 'qe-report-mismatch', { qeReport: { reportData: withTail() } }],
    ['a QE of another vendor', 'qe-identity-mismatch', { header: { qeVendorId: Buffer.alloc(16, 1) } }],
    ['a QE by another signer', 'qe-identity-mismatch', { qeReport: { mrSigner: Buffer.alloc(32, 1) } }],
    ['a QE of another product', 'qe-identity-mismatch', { qeReport: { isvProdId: 1 } }],
    ['a QE with other MISCSELECT', 'qe-identity-mismatch', { qeReport: { miscSelect: 1 } }],
    ['a QE under debug', 'qe-identity-mismatch', { qeReport: { attributes: attributes('17') } }],
    ['a QE older than every level', 'tcb-not-supported', { qeReport: { isvSvn: 1 } }],
    ['a quote signed by another key', 'quote-signature-invalid', { edit: good => ({ ...good, quoteSigningKey: otherKey }) }],
  ])('refuses %s: %s', (_, code, request) => {
    expect(outcome(() => judge({ request }))).toBe(code)
  })

  test('what the identity masks out may differ', () => {
    expect(judge({ request: { qeReport: { attributes: attributes('11') } } }).qe).toBe('UpToDate')
    expect(judge({ request: { qeReport: { mrEnclave: Buffer.alloc(32, 5) } } }).qe).toBe('UpToDate')
  })

  function forged(good: QuoteParts): QuoteParts {
    return { ...good, attestationKey: otherKey, quoteSigningKey: otherKey }
  }

  function withTail(): Buffer {
    const data = qeReportData(attestation, Buffer.from(Array.from({ length: 32 }, (_, index) => index)))
    data[63] = 1
    return data
  }

  function attributes(first: string): Buffer {
    return Buffer.from(`${first}${hex(developmentQe.attributes).slice(2)}`, 'hex')
  }
})

function threeOf({ certificates }: typeof authority) {
  return { pck: certificates.pck, pckCa: certificates.pckCa, root: certificates.root }
}

function withAuthData(qeAuthData: Buffer): (good: QuoteParts) => QuoteParts {
  return good => ({
    ...good,
    qeAuthData,
    qeReport: { ...good.qeReport, reportData: qeReportData(good.attestationKey, qeAuthData) },
  })
}
