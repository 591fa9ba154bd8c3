import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sha256, sha384, utf8 } from '../../../src/lib/bytes.ts'
import { basicConstraints, type CertificateSpec, keyUsage, keyUsageBits } from '../../../src/tee/index.ts'
import {
  compositeDeviceId,
  type DeviceEdits,
  diceTcbInfo,
  goodMeasurements,
  NvidiaAuthority,
  nonce,
  now,
  opaqueOf,
  p384,
} from './support/authority.ts'
import { authority, codeOf, verify } from './support/verify.ts'

const year = 365 * 24 * 60 * 60 * 1000
const good = authority.device()
const device = (edits: DeviceEdits) => codeOf(verify([authority.device(0, edits)]))
/** Edits the certificate at one place: 0 is the leaf, 4 the root. */
const at = (place: number, edit: (spec: CertificateSpec) => Partial<CertificateSpec>) => ({
  certificate: (spec: CertificateSpec, here: number) => (here === place ? { ...spec, ...edit(spec) } : spec),
})

describe('a device', () => {
  test('is described by what it signed and by its certificates', async () => {
    const { devices, bound, nras } = await verify([good])
    expect(devices).toEqual([
      {
        name: 'GPU 0',
        architecture: 'HOPPER',
        kind: 'gpu',
        hardware: 'GH100 A01 GSP BROM',
        serial: expect.stringMatching(/^\d+$/),
        driver: '550.144.03',
        vbios: '96.00.A5.00.01',
        mode: 'spt',
        measurements: 'not-compared',
        revocation: 'not-checked',
        validUntil: now + year,
      },
    ])
    expect({ bound, nras }).toEqual({ bound: 'report-data', nras: null })
  })

  test('of the Blackwell kind names its firmware in a TcbInfo', async () => {
    const { devices } = await verify([authority.device(0, { chip: 'GB100' })])
    expect(devices[0]).toMatchObject({ architecture: 'BLACKWELL', hardware: 'GB100 A01 GSP BROM' })
  })

  test('may be a switch, which has no driver', async () => {
    const { devices } = await verify([authority.device(0, { chip: 'LS_10' }), good])
    expect(devices.map(({ name, driver, vbios }) => [name, driver, vbios])).toEqual([
      ['switch 0', null, '96.10.55.00.01'],
      ['GPU 0', '550.144.03', '96.00.A5.00.01'],
    ])
  })

  test('is one of up to sixteen, each counted once', async () => {
    const several = [0, 1, 2].map(index => authority.device(index))
    expect((await verify(several)).devices.map(({ name }) => name)).toEqual(['GPU 0', 'GPU 1', 'GPU 2'])
    expect(await codeOf(verify([...several, several[1]!]))).toBe('gpu-untrusted')
  })

  test('that is bad refuses all', async () => {
    expect(await codeOf(verify([good, authority.device(1, { key: p384().privateKey })]))).toBe('gpu-untrusted')
  })
})

describe('a chain', () => {
  test('under another root is refused', async () => {
    expect(await codeOf(verify([new NvidiaAuthority().device()]))).toBe('gpu-untrusted')
  })

  test('with a root of the same name and key, and other bytes, is refused', async () => {
    expect(await device(at(4, () => ({ serial: Buffer.of(1) })))).toBe('gpu-untrusted')
  })

  test.each([0, 1, 2, 3])('with another signature at place %i is refused', async place => {
    expect(await device(at(place, () => ({ issuerKey: p384().privateKey })))).toBe('gpu-untrusted')
  })

  test.each([0, 1, 2, 3])('whose certificate %i names another issuer is refused', async place => {
    expect(await device(at(place, () => ({ issuer: [['CN', 'somebody else']] })))).toBe('gpu-untrusted')
  })

  test.each([0, 1, 2, 3])('whose certificate %i is past its window is refused', async place => {
    expect(await device(at(place, () => ({ notAfter: now - 1000 })))).toBe('gpu-certificate-expired')
    expect(await device(at(place, () => ({ notBefore: now + 1000 })))).toBe('gpu-certificate-expired')
  })

  test.each([1, 2, 3])('whose certificate %i is no CA, or may not issue, is refused', async place => {
    const usage = keyUsage(keyUsageBits.keyCertSign)
    expect(await device(at(place, () => ({ extensions: [usage] })))).toBe('gpu-untrusted')
    expect(await device(at(place, () => ({ extensions: [basicConstraints(false), usage] })))).toBe('gpu-untrusted')
    const signOnly = [basicConstraints(true), keyUsage(keyUsageBits.digitalSignature)]
    expect(await device(at(place, () => ({ extensions: signOnly })))).toBe('gpu-untrusted')
  })

  test('whose leaf is a CA, or may not sign, is refused', async () => {
    expect(await device(at(0, ({ extensions }) => ({ extensions: [basicConstraints(true), ...extensions] })))).toBe('gpu-untrusted')
    const cannotSign = ({ extensions }: CertificateSpec) => ({ extensions: [keyUsage(keyUsageBits.keyCertSign), ...extensions.slice(1)] })
    expect(await device(at(0, cannotSign))).toBe('gpu-untrusted')
  })

  test('that is longer than an issuer allows is refused', async () => {
    const limited = (length: number) => at(3, () => ({ extensions: [basicConstraints(true, length), keyUsage(keyUsageBits.keyCertSign)] }))
    expect(await device(limited(2))).toBe('accepted')
    expect(await device(limited(1))).toBe('gpu-untrusted')
  })

  test('with a critical extension that is not understood is refused', async () => {
    const strange = { oid: '1.2.3.4', critical: true, value: Buffer.of(5, 0) }
    expect(await device(at(2, ({ extensions }) => ({ extensions: [...extensions, strange] })))).toBe('gpu-evidence-malformed')
  })

  test('on another hash or curve is refused', async () => {
    expect(await device(at(1, () => ({ hash: 'sha256' })))).toBe('gpu-evidence-malformed')
  })

  test.each([
    ['one certificate fewer', (pem: string) => pem.slice(pem.indexOf('-----BEGIN', 1))],
    ['one more', (pem: string) => pem + pem.slice(pem.lastIndexOf('-----BEGIN'))],
    ['text between', (pem: string) => pem.replace('-----END CERTIFICATE-----\n', '-----END CERTIFICATE-----\nhello\n')],
    ['none', () => ''],
    ['bytes that are no certificate', (pem: string) => pem.replace('MII', 'AII')],
    ['base64 that is not canonical', (pem: string) => pem.replace('-----END', '=\n-----END')],
    ['beyond any size', (pem: string) => pem + '\n'.repeat(20_000)],
  ])('with %s is malformed', async (_, pem) => {
    expect(await device({ pem })).toBe('gpu-evidence-malformed')
  })
})

describe('a chip', () => {
  test.each(['GH200', 'AD102', 'GB300', 'GB1000', ''])('called %j is not known', async chip => {
    expect(await device({ chip, arch: 'HOPPER' })).toBe('gpu-untrusted')
  })

  test('is what its certificates say, whatever the worker calls it', async () => {
    expect(await device({ arch: 'BLACKWELL' })).toBe('gpu-untrusted')
    expect(await device({ chip: 'GB100', arch: 'HOPPER' })).toBe('gpu-untrusted')
  })

  test.each([
    ['a leaf of other silicon', 0, 'GB100 A01 GSP FMC LF'],
    ['a provisioning authority of another chip', 2, 'NVIDIA GB100 Provisioner ICA 1'],
    ['an authority that is not for provisioning', 2, 'NVIDIA GH100 Something'],
  ])('with %s is refused', async (_, place, name) => {
    const edits = {
      certificate: (spec: CertificateSpec, here: number): CertificateSpec => ({
        ...spec,
        ...(here === place ? { subject: [['CN', name]] } : {}),
        ...(here === place - 1 ? { issuer: [['CN', name]] } : {}),
      }),
    }
    expect(await device(edits)).toBe('gpu-untrusted')
  })

  test('whose firmware is not the certified one is refused', async () => {
    const other = sha384(utf8('other firmware'))
    expect(await device({ report: { opaque: opaqueOf({ fwid: other }) } })).toBe('gpu-untrusted')
    expect(await device({ fwidExtension: compositeDeviceId(other, p384().publicKey) })).toBe('gpu-untrusted')
    expect(await device({ chip: 'GB100', fwidExtension: diceTcbInfo(other) })).toBe('gpu-untrusted')
  })

  test.each([
    ['another extension', { oid: '1.2.3', critical: false, value: Buffer.of(0x30, 0) }],
    ['an empty one', { oid: '2.23.133.5.4.1', critical: false, value: Buffer.of(0x30, 0) }],
    ['one that is not DER', { oid: '2.23.133.5.4.1', critical: false, value: Buffer.of(0x30, 5, 1) }],
    ['a digest of another size', compositeDeviceId(Buffer.alloc(32), p384().publicKey)],
  ])('whose certificate has %s in place of its firmware is malformed', async (_, fwidExtension) => {
    expect(await device({ fwidExtension })).toBe('gpu-evidence-malformed')
  })
})

describe('a report', () => {
  test('signed by another key is refused', async () => {
    expect(await device({ key: p384().privateKey })).toBe('gpu-untrusted')
  })

  test('over another nonce is a replay', async () => {
    expect(await device({ report: { nonce: sha256(utf8('another')) } })).toBe('gpu-nonce-mismatch')
  })

  test('is refused with any byte changed', async () => {
    const size = good.report.length
    await fc.assert(
      fc.asyncProperty(fc.nat(size - 1), fc.integer({ min: 1, max: 255 }), async (offset, mask) => {
        const signed = (bytes: Buffer) => {
          const copy = Buffer.from(bytes)
          copy[offset]! ^= mask
          return copy
        }
        expect(await device({ signed })).not.toBe('accepted')
      }),
      { numRuns: 60 },
    )
  })

  test.each([
    ['without a byte at its end', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['with a byte after its end', (bytes: Buffer) => Buffer.concat([bytes, Buffer.of(0)])],
    ['beyond any size', (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(16 * 1024)])],
    ['of no bytes', () => Buffer.alloc(0)],
  ])('%s is malformed', async (_, signed) => {
    expect(await device({ signed })).toBe('gpu-evidence-malformed')
  })

  const set = (offset: number, ...values: number[]) => ({
    unsigned: (bytes: Buffer) => {
      const copy = Buffer.from(bytes)
      copy.set(values, offset)
      return copy
    },
  })
  test.each([
    ['a request of another version', set(0, 0x12)],
    ['a request for something else', set(1, 0xe1)],
    ['a request without a signature', set(2, 0)],
    ['a request for one measurement', set(3, 1)],
    ['a request for a slot that cannot be', set(36, 8)],
    ['a response of another version', set(37, 0x12)],
    ['a response of another kind', set(38, 0x7f)],
    ['a response of another slot', set(40, 1)],
    ['more measurements than it has', set(41, 65)],
    ['fewer measurements than it has', set(41, 63)],
    ['a longer record than it has', set(42, 0xff, 0xff, 0xff)],
    ['measurements out of order', set(45, 2)],
    ['a measurement of no index', set(45, 0)],
    ['a measurement of another specification', set(46, 2)],
    ['a measurement whose sizes differ', set(47, 50)],
  ])('with %s is malformed', async (_, edits) => {
    expect(await device(edits)).toBe('gpu-evidence-malformed')
  })

  const opaque = (entries: readonly (readonly [number, Uint8Array])[]) => device({ report: { opaque: entries } })
  test.each([
    ['no driver', opaqueOf().filter(([type]) => type !== 3)],
    ['a driver that is no version', opaqueOf({ driver: '550' })],
    ['a driver in other words', opaqueOf({ driver: 'latest' })],
    ['no firmware version', opaqueOf().filter(([type]) => type !== 6)],
    ['a firmware version of another size', [...opaqueOf().slice(1), [6, Buffer.alloc(7)] as const]],
    ['no firmware digest', opaqueOf({ fwid: null })],
    ['an entry twice', [...opaqueOf(), opaqueOf()[1]!]],
    ['a decoder neither on nor off', opaqueOf({ nvdec0: 1 })],
    ['a mode that is not known', opaqueOf({ mode: 3 })],
    ['a mode of no bytes', [...opaqueOf().slice(0, 4), [36, Buffer.alloc(0)] as const]],
    ['more than DSP0274 allows', [...opaqueOf(), [99, Buffer.alloc(1024)] as const]],
    ['too many entries', [...opaqueOf(), ...Array.from({ length: 60 }, (_, n) => [100 + n, Buffer.alloc(1)] as const)]],
  ])('with opaque data that holds %s is malformed', async (_, entries) => {
    expect(await opaque(entries)).toBe('gpu-evidence-malformed')
  })

  test('may leave out what older firmware does not say', async () => {
    const { devices } = await verify([
      authority.device(0, { report: { opaque: opaqueOf().filter(([type]) => type !== 36 && type !== 11) } }),
    ])
    expect(devices[0]?.mode).toBeNull()
  })

  test.each([
    [0, 'mpt'],
    [1, 'spt'],
    [2, 'ppcie'],
  ])('with feature flag %i runs in mode %s', async (mode, name) => {
    expect((await verify([authority.device(0, { report: { opaque: opaqueOf({ mode }) } })])).devices[0]?.mode).toBe(name)
  })

  test('may hold fewer measurements', async () => {
    const measurements = new Map([...goodMeasurements].slice(0, 31))
    expect(await device({ report: { measurements } })).toBe('accepted')
  })
})

describe('what evidence is bound to', () => {
  test('is the quote and our nonce, our nonce alone, or nothing', async () => {
    expect((await verify([good])).bound).toBe('report-data')
    expect((await verify([good], { inReportData: false })).bound).toBe('nonce-only')
    expect((await verify([good], { nonce: null })).bound).toBe('none')
    expect((await verify([good], { nonce: null, inReportData: false })).bound).toBe('none')
  })

  test('is never our nonce where the report is over another', async () => {
    expect(await codeOf(verify([authority.device(0, { report: { nonce: Buffer.alloc(32) } })], { inReportData: false }))).toBe(
      'gpu-nonce-mismatch',
    )
    expect((await verify([good], { nonce })).devices).toHaveLength(1)
  })
})

describe('revocation', () => {
  test('is asked of every device, about all that NVIDIA issued', async () => {
    const asked: string[] = []
    const verdict = await verify([good, authority.device(1)], {
      checkRevocation: async ({ what, chain, leaf, now: at }) => {
        asked.push(`${what}: ${chain.length} ${leaf} ${at === now}`)
        return 'good'
      },
    })
    expect(asked).toEqual(['the certificates of GPU 0: 5 false true', 'the certificates of GPU 1: 5 false true'])
    expect(verdict.devices.map(({ revocation }) => revocation)).toEqual(['good', 'good'])
  })
})
