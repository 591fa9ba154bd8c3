/** Our layouts beside Intel's own documents: what we write from the values of a real one has the bytes of the real one. */
import { createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { generateP256Key, SoftwareQuotingAuthority } from '../../src/tee/index.ts'
import { encodeHeader, encodeQeReport, encodeQuote, type QeReport, type QuoteHeader, qeReportData } from '../../src/tee/quote.ts'
import { type SgxExtension, sgxExtension, sgxExtensionOid } from '../../src/tee/sgx-extension.ts'
import { encodeTdReport, type TdReport } from '../../src/tee/td-report.ts'
import * as x509 from '../../src/tee/x509.ts'
import { at, children, type DerElement, fromPem, oid, readElement, signedParts, timeOf, unsigned } from './support/der-reader.ts'
import { seededRandom } from './support/seeded-random.ts'
import { realCollateral, realQuotes, whySkipped } from './support/tdx-data.ts'

const attributeTypes: Readonly<Record<string, x509.Name[number][0]>> = {
  '2.5.4.3': 'CN',
  '2.5.4.10': 'O',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.6': 'C',
}

function nameOf(element: DerElement): x509.Name {
  return children(element).map(set => {
    const [type, value] = children(at(set, 0))
    return [attributeTypes[oid(type!)]!, value!.contents.toString('utf8')] as const
  })
}

/** The extensions of a certificate or list, rebuilt by our builders from the values inside. */
function rebuildExtensions(list: DerElement): x509.Extension[] {
  return children(list).map(extension => {
    const value = readElement(children(extension).at(-1)!.contents)
    const name = oid(at(extension, 0))
    if (name === '2.5.29.35') return x509.authorityKeyIdentifier(at(value, 0).contents)
    if (name === '2.5.29.14') return x509.subjectKeyIdentifier(value.contents)
    if (name === '2.5.29.31') return x509.crlDistributionPoint(at(value, 0, 0, 0, 0).contents.toString('latin1'))
    if (name === '2.5.29.15') return x509.keyUsage(...[0, 1, 2, 3, 4, 5, 6, 7].filter(bit => value.contents[1]! & (0x80 >> bit)))
    if (name === '2.5.29.20') return x509.crlNumber(value.contents.readUInt8())
    if (name === '2.5.29.19') {
      const [ca, pathLength] = children(value)
      return x509.basicConstraints(ca !== undefined, pathLength?.contents.readUInt8())
    }
    if (name === sgxExtensionOid) return sgxExtension(sgxOf(value))
    throw new Error(`an extension we do not write: ${name}`)
  })
}

function sgxOf(value: DerElement): SgxExtension {
  const [ppid, tcb, pceId, fmspc, sgxType, platformInstanceId, configuration] = children(value).map(entry => children(entry)[1]!)
  const svns = children(tcb!).map(entry => children(entry)[1]!)
  const flag = (index: number) => at(configuration!, index, 1).contents[0] === 0xff
  return {
    ppid: ppid!.contents,
    tcbComponents: svns.slice(0, 16).map(svn => Number(`0x${unsigned(svn).toString('hex')}`)),
    pceSvn: Number(`0x${unsigned(svns[16]!).toString('hex')}`),
    cpuSvn: svns[17]!.contents,
    pceId: pceId!.contents,
    fmspc: fmspc!.contents,
    sgxType: sgxType!.contents.readUInt8(),
    ...(platformInstanceId && { platformInstanceId: platformInstanceId.contents }),
    ...(configuration && { configuration: { dynamicPlatform: flag(0), cachedKeys: flag(1), smtEnabled: flag(2) } }),
  }
}

function rebuildCertificate(der: Buffer): Buffer {
  const [, serial, , issuer, validity, subject, , extensions] = children(signedParts(der).tbs)
  const [notBefore, notAfter] = children(validity!)
  return x509.tbsCertificate({
    serial: unsigned(serial!),
    issuer: nameOf(issuer!),
    subject: nameOf(subject!),
    notBefore: timeOf(notBefore!),
    notAfter: timeOf(notAfter!),
    publicKey: new X509Certificate(der).publicKey,
    extensions: rebuildExtensions(at(extensions!, 0)),
  })
}

function rebuildCrl(der: Buffer): Buffer {
  const [, , issuer, thisUpdate, nextUpdate, ...rest] = children(signedParts(der).tbs)
  const revoked = rest.length === 2 ? children(rest[0]!) : []
  return x509.tbsCertList({
    issuer: nameOf(issuer!),
    thisUpdate: timeOf(thisUpdate!),
    nextUpdate: timeOf(nextUpdate!),
    revoked: revoked.map(entry => unsigned(at(entry, 0))),
    extensions: rebuildExtensions(at(rest.at(-1)!, 0)),
  })
}

/** Offsets in a quote: the body, then everything counted from the start of the signature data. */
function anatomy(quote: Buffer) {
  const version = quote.readUInt16LE(0)
  const bodyType = version === 5 ? quote.readUInt16LE(48) : 2
  const bodyOffset = version === 5 ? 54 : 48
  const bodySize = version === 5 ? quote.readUInt32LE(50) : 584
  const data = quote.subarray(bodyOffset + bodySize + 4)
  const authSize = data.readUInt16LE(582)
  return {
    version,
    bodyType: bodyType === 3 ? (3 as const) : (2 as const),
    body: quote.subarray(bodyOffset, bodyOffset + bodySize),
    covered: quote.subarray(0, bodyOffset + bodySize),
    data,
    qeReport: data.subarray(134, 518),
    authData: data.subarray(584, 584 + authSize),
    chain: data.subarray(584 + authSize + 6),
  }
}

function headerOf(quote: Buffer): QuoteHeader {
  return {
    version: quote.readUInt16LE(0),
    attestationKeyType: quote.readUInt16LE(2),
    teeType: quote.readUInt32LE(4),
    reserved: quote.subarray(8, 12),
    qeVendorId: quote.subarray(12, 28),
    userData: quote.subarray(28, 48),
  }
}

function reportOf(body: Buffer): TdReport {
  const field = (offset: number, size: number) => body.subarray(offset, offset + size)
  return {
    teeTcbSvn: field(0, 16),
    mrSeam: field(16, 48),
    mrSignerSeam: field(64, 48),
    seamAttributes: field(112, 8),
    tdAttributes: field(120, 8),
    xfam: field(128, 8),
    mrTd: field(136, 48),
    mrConfigId: field(184, 48),
    mrOwner: field(232, 48),
    mrOwnerConfig: field(280, 48),
    rtMr0: field(328, 48),
    rtMr1: field(376, 48),
    rtMr2: field(424, 48),
    rtMr3: field(472, 48),
    reportData: field(520, 64),
    teeTcbSvn2: field(584, 16),
    mrServiceTd: field(600, 48),
  }
}

function qeReportOf(report: Buffer): QeReport {
  return {
    cpuSvn: report.subarray(0, 16),
    miscSelect: report.readUInt32LE(16),
    attributes: report.subarray(48, 64),
    mrEnclave: report.subarray(64, 96),
    mrSigner: report.subarray(128, 160),
    isvProdId: report.readUInt16LE(256),
    isvSvn: report.readUInt16LE(258),
    reportData: report.subarray(320, 384),
  }
}

const p1363 = (key: KeyObject) => ({ key, dsaEncoding: 'ieee-p1363' }) as const

/** A public key from x and y. */
function pointKey(point: Buffer): KeyObject {
  const [x, y] = [point.subarray(0, 32).toString('base64url'), point.subarray(32).toString('base64url')]
  return createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x, y } })
}

describe.skipIf(whySkipped)(`quotes of real machines${whySkipped}`, () => {
  const quotes = realQuotes()
  const key = generateP256Key(seededRandom('stand-in'))

  test.each(quotes)('$name: header, TD report and QE report are written as they stand there', ({ bytes }) => {
    const { bodyType, body, qeReport } = anatomy(bytes)
    expect(encodeHeader(headerOf(bytes))).toEqual(bytes.subarray(0, 48))
    expect(encodeTdReport(reportOf(body), bodyType)).toEqual(body)
    expect(encodeQeReport(qeReportOf(qeReport))).toEqual(qeReport)
  })

  test.each(quotes)('$name: the whole quote is framed alike, but for signatures and attestation key', ({ bytes }) => {
    const { bodyType, body, covered, qeReport, authData, chain } = anatomy(bytes)
    const ours = encodeQuote({
      header: headerOf(bytes),
      body: { type: bodyType, bytes: body },
      attestationKey: key,
      quoteSigningKey: key,
      qeSigningKey: key,
      qeReport: qeReportOf(qeReport),
      qeAuthData: authData,
      certificateChain: chain,
    })
    const data = covered.length + 4
    const blank = (quote: Buffer) =>
      Buffer.from(quote)
        .fill(0, data, data + 128)
        .fill(0, data + 518, data + 582)
    expect(blank(ours).equals(blank(bytes))).toBe(true)
  })

  test.each(quotes)('$name: its signature covers what ours covers, and its QE report binds the key as ours does', ({ bytes }) => {
    const { covered, data, qeReport, authData } = anatomy(bytes)
    const attestationKey = pointKey(data.subarray(64, 128))
    expect(verify('sha256', covered, p1363(attestationKey), data.subarray(0, 64))).toBe(true)
    expect(qeReportData(attestationKey, authData)).toEqual(qeReport.subarray(320))
  })

  test.each(quotes)('$name: the three certificates are written as they stand there', ({ bytes }) => {
    const chain = fromPem(anatomy(bytes).chain.toString('latin1'))
    expect(chain).toHaveLength(3)
    for (const der of chain) expect(rebuildCertificate(der)).toEqual(signedParts(der).tbs.bytes)
    expect(anatomy(bytes).chain.toString('latin1').replace(/\0$/, '')).toBe(x509.pem(...chain))
  })
})

describe.skipIf(whySkipped)(`collateral of Intel’s service${whySkipped}`, () => {
  const sets = realCollateral()
  const authority = SoftwareQuotingAuthority.create({ now: Date.UTC(2026, 5, 1), random: seededRandom('beside Intel') })
  const ours = authority.collateral(Date.UTC(2026, 5, 1))

  test.each(sets)('$name: certificates and revocation lists are written as they stand there', set => {
    for (const file of ['tcb_issuer_chain.pem', 'pck_crl_issuer_chain.pem']) {
      const chain = fromPem(set.text(file))
      for (const der of chain) expect(rebuildCertificate(der)).toEqual(signedParts(der).tbs.bytes)
      expect(set.text(file)).toBe(x509.pem(...chain))
    }
    for (const file of ['pck_crl.der', 'root_ca_crl.der']) {
      const { tbs } = signedParts(set.bytes(file))
      expect(rebuildCrl(set.bytes(file))).toEqual(tbs.bytes)
    }
  })

  test.each(sets)('$name: TCB info and QE identity are wrapped and signed as ours are', set => {
    const [signer] = fromPem(set.text('tcb_issuer_chain.pem'))
    const { publicKey } = new X509Certificate(signer!)
    for (const [file, member] of [
      ['tcb_info.json', 'tcbInfo'],
      ['qe_identity.json', 'enclaveIdentity'],
    ] as const) {
      const text = set.text(file)
      const { signature }: { signature: string } = JSON.parse(text)
      const inner = text.slice(member.length + 4, text.lastIndexOf(',"signature":"'))
      expect(`{"${member}":${inner},"signature":"${signature}"}`).toBe(text)
      expect(verify('sha256', Buffer.from(inner), p1363(publicKey), Buffer.from(signature, 'hex'))).toBe(true)
    }
  })

  test('the newest set has the members of ours, in our order', () => {
    const newest = sets.find(({ name }) => name.endsWith('-e19'))!
    expect(shape(JSON.parse(ours.tcbInfo))).toEqual(shape(JSON.parse(newest.text('tcb_info.json'))))
    expect(shape(JSON.parse(ours.qeIdentity))).toEqual(shape(JSON.parse(newest.text('qe_identity.json'))))
  })
})

/** Names, types and order of members; of a list, its first item's. Optional members of components and levels aside. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.length ? [shape(value[0])] : []
  if (typeof value !== 'object' || value === null) return typeof value
  const optional = ['category', 'type', 'advisoryIDs']
  return Object.entries(value)
    .filter(([name]) => !optional.includes(name))
    .map(([name, member]) => [name, shape(member)])
}
