/** What holds of every quote, list, chain and document, not only of the samples: what is written is read, and nothing else is. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadCollateral, parseQuote } from '../../../src/attestation/index.ts'
import { readStrict } from '../../../src/attestation/tdx/json.ts'
import { readQeIdentity, readTcbInfo } from '../../../src/attestation/tdx/tcb-info.ts'
import { bodySizes } from '../../../src/attestation/tdx/td-report.ts'
import { parseCrl, parsePemChain } from '../../../src/attestation/tdx/x509.ts'
import { pem, type QuoteParts } from '../../../src/tee/index.ts'
import { encodeQuote } from '../../../src/tee/quote.ts'
import { chanceFrom } from '../../fuzz/harness/chance.ts'
import { changeJson } from '../../fuzz/harness/json-change.ts'
import { credulous } from '../../fuzz/samples.ts'
import { outcome } from '../support/outcome.ts'
import { authority, now } from '../support/sample.ts'

const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
const same = (a: Uint8Array, b: Uint8Array) => Buffer.from(a).equals(b)

describe('any quote', () => {
  let good: QuoteParts | undefined
  authority.issueQuote({
    edit: parts => {
      good = parts
      return parts
    },
  })
  const quote = fc.record({
    version: fc.constantFrom(4 as const, 5 as const),
    type: fc.constantFrom(2 as const, 3 as const, 4 as const),
    body: bytes(bodySizes[4]),
    qeVendorId: bytes(16),
    userData: bytes(20),
    reportData: bytes(64),
    mrSigner: bytes(32),
    isvProdId: fc.nat(65_535),
    isvSvn: fc.nat(65_535),
    qeAuthData: fc.uint8Array({ maxLength: 1024 }),
    chain: fc.uint8Array({ maxLength: 4096 }),
    padding: fc.nat(64),
  })

  test('is read field by field as it was written, whatever is in the fields', () => {
    fc.assert(
      fc.property(quote, one => {
        const type = one.version === 4 ? 2 : one.type
        const body = one.body.subarray(0, bodySizes[type])
        const written = encodeQuote({
          ...good!,
          header: { ...good!.header, version: one.version, qeVendorId: one.qeVendorId, userData: one.userData },
          body: { type, bytes: body },
          qeReport: { ...good!.qeReport, reportData: one.reportData, mrSigner: one.mrSigner, isvProdId: one.isvProdId, isvSvn: one.isvSvn },
          qeAuthData: one.qeAuthData,
          certificateChain: one.chain,
        })
        const read = parseQuote(Buffer.concat([written, Buffer.alloc(one.padding)]), { allowZeroPadding: true })
        expect(outcome(() => parseQuote(Buffer.concat([written, Buffer.alloc(one.padding)])))).toBe(
          one.padding ? 'quote-malformed' : 'accepted',
        )
        expect([read.version, read.bodyType, read.qeReport.isvProdId, read.qeReport.isvSvn]).toEqual([
          one.version,
          type,
          one.isvProdId,
          one.isvSvn,
        ])
        expect(same(read.signedBytes, written.subarray(0, (one.version === 4 ? 48 : 54) + body.length))).toBe(true)
        const { report } = read
        const parts = [report.teeTcbSvn, report.mrSeam, report.mrSignerSeam, report.seamAttributes, report.tdAttributes, report.xfam]
        const rest = [report.mrTd, report.mrConfigId, report.mrOwner, report.mrOwnerConfig, ...report.rtmr, report.reportData]
        const later = [report.teeTcbSvn2, report.mrServiceTd].filter(field => field !== undefined)
        expect(same(Buffer.concat([...parts, ...rest, ...later]), body.subarray(0, type === 2 ? 584 : 648))).toBe(true)
        const pairs: [Uint8Array, Uint8Array][] = [
          [read.qeVendorId, one.qeVendorId],
          [read.userData, one.userData],
          [read.qeReport.reportData, one.reportData],
          [read.qeReport.mrSigner, one.mrSigner],
          [read.qeAuthData, one.qeAuthData],
          [read.pckChain, one.chain],
        ]
        for (const [got, given] of pairs) expect(same(got, given)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})

describe('any revocation list', () => {
  const serial = fc.uint8Array({ minLength: 1, maxLength: 20 })

  test('names the serials that it was given, and no other', () => {
    fc.assert(
      fc.property(fc.array(serial, { maxLength: 30 }), serial, (revoked, other) => {
        const { pckCrl } = authority.with({ pckCrl: crl => ({ ...crl, revoked }) }).collateral(now)
        const number = (value: Uint8Array) => BigInt(`0x${Buffer.from(value).toString('hex')}`)
        const list = parseCrl(pckCrl)
        expect(list.revoked).toEqual(new Set(revoked.map(number)))
        expect(list.revoked.has(number(other))).toBe(revoked.some(value => number(value) === number(other)))
      }),
      { numRuns: 100 },
    )
  })
})

describe('any chain', () => {
  const { root, pckCa, pck, tcbSigner } = authority.certificates
  const certificates = fc.array(fc.constantFrom(root, pckCa, pck, tcbSigner), { maxLength: 5 })
  const white = fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 5 })

  test('is read in its order, white space between, where it has as many as were asked for', () => {
    fc.assert(
      fc.property(certificates, fc.nat(5), white, fc.boolean(), (list, count, space, zero) => {
        const text = list.map(der => `${pem(der)}\n${space}`).join('') + (zero ? '\0' : '')
        if (list.length !== count) expect(outcome(() => parsePemChain(text, count))).toBe('certificate-malformed')
        else expect(parsePemChain(text, count).map(({ raw }) => Buffer.from(raw))).toEqual(list)
      }),
      { numRuns: 200 },
    )
  })

  test('with any sign more, outside of white space, is refused', () => {
    const text = pem(pck, pckCa, root)
    fc.assert(
      fc.property(fc.nat(text.length), fc.constantFrom('A', '=', '-', '+', '\0', '\u00a0', '.', '\v'), (at, sign) => {
        const changed = text.slice(0, at) + sign + text.slice(at)
        // At its very end a zero may stand; a tab upright is white space between certificates.
        if (outcome(() => parsePemChain(changed, 3)) === 'accepted') expect(changed.replace(/[\v\0\u00a0]/, '')).toBe(text)
      }),
      { numRuns: 500 },
    )
  })
})

describe('any TCB info and QE identity', () => {
  const parts = authority.collateral(now)
  const documents = {
    tcbInfo: (text: string) => readTcbInfo((readStrict(text) as { tcbInfo: never }).tcbInfo),
    qeIdentity: (text: string) => readQeIdentity((readStrict(text) as { enclaveIdentity: never }).enclaveIdentity),
  }

  test.each(['tcbInfo', 'qeIdentity'] as const)(
    '%s with a member changed in whatever way is of right types and ranges, or refused',
    name => {
      const good = new TextEncoder().encode(parts[name])
      let read = 0
      fc.assert(
        fc.property(fc.integer(), fc.integer({ min: 1, max: 4 }), (seed, times) => {
          const chance = chanceFrom(seed, name)
          let changed: Uint8Array = good
          for (let turn = 0; turn < times; turn++) changed = changeJson(changed, chance, good)
          const text = new TextDecoder().decode(changed)
          if (outcome(() => loadCollateral({ ...parts, [name]: text }, now, authority.rootDer, { crypto: credulous })) !== 'accepted')
            return
          read += 1
          expectInRange(documents[name](text))
        }),
        { numRuns: 600 },
      )
      expect(read).toBeGreaterThan(20)
    },
  )

  /** Every number whole and below 2^20, or a time; every text bounded by its kind; nothing absent. */
  function expectInRange(value: unknown, name = ''): void {
    if (value instanceof Map) for (const [key, item] of value) expectInRange(item, String(key))
    else if (Array.isArray(value)) for (const item of value) expectInRange(item, name)
    else if (typeof value === 'object' && value !== null) for (const [key, item] of Object.entries(value)) expectInRange(item, key)
    else if (typeof value === 'number') {
      expect(Number.isInteger(value) && value >= 0, name).toBe(true)
      if (!['issueDate', 'nextUpdate'].includes(name)) expect(value, name).toBeLessThanOrEqual(1_000_000)
    } else {
      expect(typeof value, name).toBe('string')
      if (/mask|signer|attributes|fmspc|pceid|miscselect/i.test(name)) expect(value, name).toMatch(/^([0-9a-f]{2})+$/)
    }
  }
})
