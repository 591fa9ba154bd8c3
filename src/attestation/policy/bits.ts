/** TD attributes and XFAM, bit by bit: eight bytes each, as they stand in the quote, bit 0 the lowest of the first. */
import { z } from 'zod'
import { hexOf } from './fields.ts'

/** Bits where `mask` is 1 must be as in `value`. */
export const bits = z.strictObject({ mask: hexOf(8), value: hexOf(8) }).refine(
  ({ mask, value }) => {
    const masks = readBits(mask)
    return readBits(value).every((bit, index) => bit <= (masks[index] ?? 1))
  },
  { path: ['value'], message: 'has a 1 where the mask has a 0: that bit would not be asked for' },
)

export type BitRule = z.output<typeof bits>

/** TDATTRIBUTES (TDX Module ABI); a bit without a name is reserved. */
export const attributeNames: Readonly<Record<number, string>> = {
  0: 'DEBUG',
  4: 'HGS_PLUS_PROF',
  5: 'PERF_PROF',
  6: 'PMT_PROF',
  16: 'ICSSD',
  27: 'LASS',
  28: 'SEPT_VE_DISABLE',
  29: 'MIGRATABLE',
  30: 'PKS',
  31: 'KL',
  62: 'TPA',
  63: 'PERFMON',
}

/** XFAM: the processor's extended features, numbered as in XCR0 and IA32_XSS. */
export const featureNames: Readonly<Record<number, string>> = {
  0: 'x87',
  1: 'SSE',
  2: 'AVX',
  3: 'MPX bound registers',
  4: 'MPX configuration',
  5: 'AVX-512 opmask',
  6: 'AVX-512 ZMM_Hi256',
  7: 'AVX-512 Hi16_ZMM',
  8: 'Processor Trace',
  9: 'PKRU',
  10: 'PASID',
  11: 'CET user',
  12: 'CET supervisor',
  13: 'HDC',
  14: 'User Interrupts',
  15: 'LBR',
  16: 'HWP',
  17: 'AMX TILECFG',
  18: 'AMX TILEDATA',
  19: 'APX',
}

/** Each bit that is not as the rule asks, such as `PERFMON (bit 63) is 1`. */
export function differences(bytes: Uint8Array, { mask, value }: BitRule, names: Readonly<Record<number, string>>): string[] {
  const [given, masks, wanted] = [bitsOf(bytes), readBits(mask), readBits(value)]
  return given.flatMap((bit, index) =>
    masks[index] === 1 && bit !== wanted[index] ? [`${names[index] ?? 'reserved'} (bit ${index}) is ${bit}`] : [],
  )
}

function readBits(hex: string): number[] {
  return bitsOf(Buffer.from(hex, 'hex'))
}

function bitsOf(bytes: Uint8Array): number[] {
  return Array.from(bytes).flatMap(byte => Array.from({ length: 8 }, (_, bit) => (byte >> bit) & 1))
}
