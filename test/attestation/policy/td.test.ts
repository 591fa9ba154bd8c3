/** What the TD is (checklist rows 34 and 35): one accept and every reject of each member, by changing one thing. */
import { describe, expect, test } from 'vitest'
import type { Policy } from '../../../src/attestation/index.ts'
import { developmentMeasurements, type TdMeasurements } from '../../../src/tee/index.ts'
import { goodFacts, goodPolicy, reasons, td } from '../support/appraisal.ts'

const ones = '01'.repeat(48)
const measurements: readonly (readonly [keyof TdMeasurements, keyof Policy, string])[] = [
  ['mrSeam', 'mr_seam', 'MRSEAM'],
  ['mrTd', 'mr_td', 'MRTD'],
  ['rtMr0', 'rtmr0', 'RTMR0'],
  ['rtMr1', 'rtmr1', 'RTMR1'],
  ['rtMr2', 'rtmr2', 'RTMR2'],
  ['rtMr3', 'rtmr3', 'RTMR3'],
  ['mrConfigId', 'mr_config_id', 'MRCONFIGID'],
  ['mrOwner', 'mr_owner', 'MROWNER'],
  ['mrOwnerConfig', 'mr_owner_config', 'MROWNERCONFIG'],
  ['mrServiceTd', 'mr_service_td', 'MRSERVICETD'],
]

describe('measurements (row 35)', () => {
  test.each(measurements)('a TD of another %s is refused', (field, _, name) => {
    expect(reasons({ facts: td({ [field]: Buffer.from(ones, 'hex') }) })).toEqual([`${name} is ${ones}, which is not in the policy`])
  })

  test.each(measurements)('and accepted where the policy lists it: %s', (field, member) => {
    expect(reasons({ facts: td({ [field]: Buffer.from(ones, 'hex') }), policy: { [member]: [ones] } })).toEqual([])
  })

  test('a TD is refused where the policy asks for another MRSIGNERSEAM', () => {
    expect(reasons({ policy: { mr_signer_seam: [ones] } })).toEqual([`MRSIGNERSEAM is ${'00'.repeat(48)}, which is not in the policy`])
  })

  test('a TD 1.0 has no MRSERVICETD, and none is asked of it', () => {
    expect(reasons({ facts: td({}, 4), policy: { mr_service_td: [ones] } })).toEqual([])
    expect(reasons({ facts: td({}, 5), policy: { mr_service_td: [ones] } })).toHaveLength(1)
  })

  test('one byte of one measurement is enough, the first or the last', () => {
    for (const offset of [0, 47]) {
      const mrTd = Buffer.from(developmentMeasurements.mrTd)
      mrTd[offset]! ^= 1
      expect(reasons({ facts: td({ mrTd }) })).toHaveLength(1)
    }
  })

  test('a measurement does not stand in for another', () => {
    const swapped = td({ rtMr0: developmentMeasurements.rtMr1, rtMr1: developmentMeasurements.rtMr0 })
    expect(reasons({ facts: swapped })).toHaveLength(2)
  })
})

describe('attributes and XFAM (row 34)', () => {
  const attributes = (hex: string) => td({ tdAttributes: Buffer.from(hex, 'hex') })
  const debug = 'the TD runs under DEBUG: its memory is open to the host'

  test('a TD under debug is refused twice: by the bits, and as such', () => {
    expect(reasons({ facts: attributes('0100001000000000') })).toEqual([debug, 'TD attributes: DEBUG (bit 0) is 1'])
  })

  test('a TD under debug is refused whatever the policy says of its bits', () => {
    for (const td_attributes of [
      { mask: '00'.repeat(8), value: '00'.repeat(8) },
      { mask: 'ff'.repeat(8), value: '0100001000000000' },
    ])
      expect(reasons({ facts: attributes('0100001000000000'), policy: { td_attributes } })).toEqual([debug])
  })

  test.each([
    ['0000000000000000', 'SEPT_VE_DISABLE (bit 28) is 0'],
    ['0000005000000000', 'PKS (bit 30) is 1'],
    ['0000009000000000', 'KL (bit 31) is 1'],
    ['0000001000000080', 'PERFMON (bit 63) is 1'],
    ['0000001000000040', 'TPA (bit 62) is 1'],
    ['0000003000000000', 'MIGRATABLE (bit 29) is 1'],
    ['0000001800000000', 'LASS (bit 27) is 1'],
    ['0000011000000000', 'ICSSD (bit 16) is 1'],
    ['1000001000000000', 'HGS_PLUS_PROF (bit 4) is 1'],
    ['2000001000000000', 'PERF_PROF (bit 5) is 1'],
    ['4000001000000000', 'PMT_PROF (bit 6) is 1'],
    ['0200001000000000', 'reserved (bit 1) is 1'],
    ['0200000000000080', 'reserved (bit 1) is 1, SEPT_VE_DISABLE (bit 28) is 0, PERFMON (bit 63) is 1'],
  ])('a TD of attributes %s is refused, bit by bit: %s', (hex, told) => {
    expect(reasons({ facts: attributes(hex) })).toEqual([`TD attributes: ${told}`])
  })

  test('bits outside the mask are free, bits inside are not, each of the 64', () => {
    for (let bit = 1; bit < 64; bit++) {
      const value = Buffer.from(developmentMeasurements.tdAttributes)
      value[bit >> 3]! ^= 1 << (bit & 7)
      const mask = Buffer.alloc(8, 0xff)
      const facts = { ...goodFacts, report: { ...goodFacts.report, tdAttributes: value } }
      expect(reasons({ facts }), `bit ${bit}`).toEqual([expect.stringContaining(`(bit ${bit}) is ${bit === 28 ? 0 : 1}`)])
      mask[bit >> 3]! ^= 1 << (bit & 7)
      const td_attributes = { ...goodPolicy.td_attributes, mask: mask.toString('hex') }
      expect(reasons({ facts, policy: { td_attributes } }), `bit ${bit} masked`).toEqual([])
    }
  })

  test('XFAM is judged likewise', () => {
    const facts = td({ xfam: Buffer.from('0100000000000000', 'hex') })
    expect(reasons({ facts })).toEqual(['XFAM: SSE (bit 1) is 0'])
    expect(reasons({ facts, policy: { xfam: { mask: '0100000000000000', value: '0100000000000000' } } })).toEqual([])
    expect(reasons({ policy: { xfam: { mask: 'ff'.repeat(8), value: 'e702060000000000' } } })).toEqual([])
    expect(reasons({ policy: { xfam: { mask: 'ff'.repeat(8), value: '0700000000000000' } } })).toEqual([
      'XFAM: AVX-512 opmask (bit 5) is 1, AVX-512 ZMM_Hi256 (bit 6) is 1, AVX-512 Hi16_ZMM (bit 7) is 1, PKRU (bit 9) is 1, ' +
        'AMX TILECFG (bit 17) is 1, AMX TILEDATA (bit 18) is 1',
    ])
  })
})
