import { createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { sha256 } from '../../src/lib/bytes.ts'
import { developmentMeasurements, developmentQe, generateP256Key, qeReportData, SoftwareQuotingAuthority } from '../../src/tee/index.ts'
import { rawPoint } from '../../src/tee/x509.ts'
import { fromPem } from './support/der-reader.ts'
import { seededRandom } from './support/seeded-random.ts'

const authority = SoftwareQuotingAuthority.create({ now: Date.UTC(2026, 5, 1), random: seededRandom('quotes') })
const reportData = Buffer.alloc(64, 0xab)

/** The offsets of signature data, from its start. */
const layout = { attestationKey: 64, certification: 128, qeReport: 134, qeSignature: 518, authSize: 582, authData: 584 }
const p1363 = (key: KeyObject) => ({ key, dsaEncoding: 'ieee-p1363' }) as const

function split(quote: Buffer, bodySize: number) {
  const covered = quote.subarray(0, bodySize)
  const size = quote.readUInt32LE(bodySize)
  return { covered, size, data: quote.subarray(bodySize + 4) }
}

describe('a quote of version 4', () => {
  const quote = authority.issueQuote({ body: { reportData } })
  const { covered, size, data } = split(quote, 632)

  test('starts with the header of an Intel TDX quote', () => {
    expect(quote.subarray(0, 28).toString('hex')).toBe('040002008100000000000000939a7233f79c4ca9940a0db3957f0607')
    expect(quote.subarray(28, 44)).toEqual(authority.profile.qeId)
    expect(quote.subarray(44, 48)).toEqual(Buffer.alloc(4))
  })

  test.each([
    ['TEE_TCB_SVN', 0, developmentMeasurements.teeTcbSvn],
    ['MRSEAM', 16, developmentMeasurements.mrSeam],
    ['SEAMATTRIBUTES', 112, Buffer.alloc(8)],
    ['TDATTRIBUTES', 120, Buffer.from('0000001000000000', 'hex')],
    ['XFAM', 128, Buffer.from('e702060000000000', 'hex')],
    ['MRTD', 136, developmentMeasurements.mrTd],
    ['MRCONFIGID', 184, Buffer.alloc(48)],
    ['RTMR0', 328, developmentMeasurements.rtMr0],
    ['RTMR1', 376, developmentMeasurements.rtMr1],
    ['RTMR2', 424, developmentMeasurements.rtMr2],
    ['RTMR3', 472, Buffer.alloc(48)],
    ['REPORTDATA', 520, reportData],
  ])('has %s at %i of the body', (_, offset, value) => {
    expect(quote.subarray(48 + offset, 48 + offset + value.length)).toEqual(value)
  })

  test('says the sizes it has, at every level', () => {
    expect(size).toBe(data.length)
    expect(data.readUInt16LE(layout.certification)).toBe(6)
    expect(data.readUInt32LE(layout.certification + 2)).toBe(data.length - layout.qeReport)
    expect(data.readUInt16LE(layout.authSize)).toBe(32)
    const chain = layout.authData + 32
    expect(data.readUInt16LE(chain)).toBe(5)
    expect(data.readUInt32LE(chain + 2)).toBe(data.length - chain - 6)
  })

  test('is signed by its attestation key over header and body', () => {
    const key = createPublicKey(authority.keys.attestation)
    expect(data.subarray(layout.attestationKey, layout.certification)).toEqual(rawPoint(key))
    expect(verify('sha256', covered, p1363(key), data.subarray(0, 64))).toBe(true)
  })

  test('has a QE report that is signed by the PCK and binds the attestation key', () => {
    const qeReport = data.subarray(layout.qeReport, layout.qeSignature)
    const pck = new X509Certificate(authority.certificates.pck).publicKey
    expect(verify('sha256', qeReport, p1363(pck), data.subarray(layout.qeSignature, layout.authSize))).toBe(true)
    const authData = data.subarray(layout.authData, layout.authData + 32)
    expect(qeReport.subarray(320, 352)).toEqual(sha256(rawPoint(authority.keys.attestation), authData))
    expect(qeReport.subarray(352)).toEqual(Buffer.alloc(32))
    expect(qeReport.subarray(128, 160)).toEqual(developmentQe.mrSigner)
    expect([qeReport.readUInt16LE(256), qeReport.readUInt16LE(258)]).toEqual([2, 4])
  })

  test('ends with the chain of three certificates, leaf first, and a zero', () => {
    const { pck, pckCa, root } = authority.certificates
    const text = data.subarray(layout.authData + 32 + 6).toString('latin1')
    expect(fromPem(text)).toEqual([pck, pckCa, root])
    expect(text.endsWith('-----END CERTIFICATE-----\n\0')).toBe(true)
  })

  test('differs from another one over the same body in its two signatures only', () => {
    const again = authority.issueQuote({ body: { reportData } })
    const blank = (bytes: Buffer) => {
      const copy = Buffer.from(bytes)
      copy.fill(0, 636, 636 + 64)
      copy.fill(0, 636 + layout.qeSignature, 636 + layout.qeSignature + 64)
      return copy
    }
    expect(blank(again)).toEqual(blank(quote))
  })
})

describe('a quote of version 5', () => {
  test.each([
    [3, 648],
    [2, 584],
  ] as const)('of body type %i describes a body of %i bytes, and its signature covers the description', (bodyType, bodySize) => {
    const quote = authority.issueQuote({ version: 5, bodyType, body: { reportData, mrServiceTd: Buffer.alloc(48, 7) } })
    expect([quote.readUInt16LE(0), quote.readUInt16LE(48), quote.readUInt32LE(50)]).toEqual([5, bodyType, bodySize])
    expect(quote.subarray(54 + 520, 54 + 584)).toEqual(reportData)
    const { covered, size, data } = split(quote, 54 + bodySize)
    expect(size).toBe(data.length)
    expect(verify('sha256', covered, p1363(createPublicKey(authority.keys.attestation)), data.subarray(0, 64))).toBe(true)
    if (bodyType === 3) {
      expect(quote.subarray(54 + 584, 54 + 600)).toEqual(developmentMeasurements.teeTcbSvn2)
      expect(quote.subarray(54 + 600, 54 + 648)).toEqual(Buffer.alloc(48, 7))
    }
  })

  test('is of body type 3 unless told otherwise', () => {
    expect(authority.issueQuote({ version: 5 }).readUInt16LE(48)).toBe(3)
  })
})

describe('a quote with a defect', () => {
  test('has the fields that were asked for, still rightly signed', () => {
    const debug = authority.issueQuote({
      header: { teeType: 0, reserved: Buffer.from('01020304', 'hex') },
      body: { tdAttributes: Buffer.from('0100001000000000', 'hex') },
      qeReport: { isvSvn: 1, mrSigner: Buffer.alloc(32, 9) },
    })
    const { covered, data } = split(debug, 632)
    expect(debug.readUInt32LE(4)).toBe(0)
    expect(debug.subarray(8, 12).toString('hex')).toBe('01020304')
    expect(debug[48 + 120]).toBe(1)
    expect(data.readUInt16LE(layout.qeReport + 258)).toBe(1)
    expect(verify('sha256', covered, p1363(createPublicKey(authority.keys.attestation)), data.subarray(0, 64))).toBe(true)
  })

  test('can have another attestation key, bound or not', () => {
    const key = generateP256Key(seededRandom('another attestation key'))
    const bound = authority.issueQuote({
      edit: good => ({
        ...good,
        attestationKey: key,
        quoteSigningKey: key,
        qeReport: { ...good.qeReport, reportData: qeReportData(key, good.qeAuthData) },
      }),
    })
    const { covered, data } = split(bound, 632)
    expect(verify('sha256', covered, p1363(createPublicKey(key)), data.subarray(0, 64))).toBe(true)
    const unbound = split(authority.issueQuote({ edit: good => ({ ...good, attestationKey: key, quoteSigningKey: key }) }), 632).data
    expect(unbound.subarray(64, 128)).toEqual(data.subarray(64, 128))
    expect(unbound.subarray(layout.qeReport + 320, layout.qeSignature)).not.toEqual(
      data.subarray(layout.qeReport + 320, layout.qeSignature),
    )
  })

  test('can have no authentication data, and a chain of any kind', () => {
    const quote = authority.issueQuote({
      edit: good => ({ ...good, qeAuthData: Buffer.alloc(0), certificateChain: Buffer.from('nothing') }),
    })
    const { size, data } = split(quote, 632)
    expect(size).toBe(data.length)
    expect(data.subarray(layout.authSize).toString('latin1')).toBe('\0\0\x05\0\x07\0\0\0nothing')
  })

  test.each([
    ['body', { body: { mrTd: Buffer.alloc(47) } }, /^mrTd has 48 bytes, not 47$/],
    ['header', { header: { userData: Buffer.alloc(16) } }, /^the header has 48 bytes, not 44$/],
    ['QE report', { qeReport: { mrSigner: Buffer.alloc(31) } }, /^the QE report has 384 bytes, not 383$/],
  ])('is refused when a field of the %s has the wrong size', (_, request, message) => {
    expect(() => authority.issueQuote(request)).toThrow(message)
  })
})
