/**
 * The TD report body inside a quote, and the development TD that the software quoting authority vouches for.
 *
 *     offset size                              offset size
 *          0   16 TEE_TCB_SVN                     184   48 MRCONFIGID
 *         16   48 MRSEAM                          232   48 MROWNER
 *         64   48 MRSIGNERSEAM                    280   48 MROWNERCONFIG
 *        112    8 SEAMATTRIBUTES                  328 4*48 RTMR0..3
 *        120    8 TDATTRIBUTES                    520   64 REPORTDATA
 *        128    8 XFAM                            584   16 TEE_TCB_SVN_2 (TD 1.5 only)
 *        136   48 MRTD                            600   48 MRSERVICETD   (TD 1.5 only)
 */
import { concat, sha384, utf8 } from '../lib/bytes.ts'

/** Every field of a TD report body but REPORTDATA: what the TD is, as against what it says. */
export interface TdMeasurements {
  readonly teeTcbSvn: Uint8Array
  readonly mrSeam: Uint8Array
  readonly mrSignerSeam: Uint8Array
  readonly seamAttributes: Uint8Array
  readonly tdAttributes: Uint8Array
  readonly xfam: Uint8Array
  readonly mrTd: Uint8Array
  readonly mrConfigId: Uint8Array
  readonly mrOwner: Uint8Array
  readonly mrOwnerConfig: Uint8Array
  readonly rtMr0: Uint8Array
  readonly rtMr1: Uint8Array
  readonly rtMr2: Uint8Array
  readonly rtMr3: Uint8Array
  /** Body type 3 only. */
  readonly teeTcbSvn2: Uint8Array
  /** Body type 3 only. */
  readonly mrServiceTd: Uint8Array
}

export interface TdReport extends TdMeasurements {
  readonly reportData: Uint8Array
}

const layout: readonly (readonly [field: keyof TdReport, size: number])[] = [
  ['teeTcbSvn', 16],
  ['mrSeam', 48],
  ['mrSignerSeam', 48],
  ['seamAttributes', 8],
  ['tdAttributes', 8],
  ['xfam', 8],
  ['mrTd', 48],
  ['mrConfigId', 48],
  ['mrOwner', 48],
  ['mrOwnerConfig', 48],
  ['rtMr0', 48],
  ['rtMr1', 48],
  ['rtMr2', 48],
  ['rtMr3', 48],
  ['reportData', 64],
]
const layout15: typeof layout = [...layout, ['teeTcbSvn2', 16], ['mrServiceTd', 48]]

/** Where REPORTDATA starts in a body of any type. */
export const reportDataOffset = 520

/** The body's bytes: 584 for type 2 (TD 1.0), 648 for type 3 (TD 1.5). Throws `RangeError` for a field of another size. */
export function encodeTdReport(report: TdReport, bodyType: 2 | 3): Buffer {
  const fields = bodyType === 3 ? layout15 : layout
  for (const [field, size] of fields) {
    if (report[field].length !== size) throw new RangeError(`${field} has ${size} bytes, not ${report[field].length}`)
  }
  return concat(...fields.map(([field]) => report[field]))
}

const measured = (label: string) => sha384(utf8(`chrysalis development ${label}`))
const zeros = (size: number) => Buffer.alloc(size)

/**
 * TEE_TCB_SVN of the development platform: the TDX module's own version 5, its major version 1 (which selects module identity
 * `TDX_01`), and version 7 of the TDX late microcode update, at which the development TCB info says `UpToDate`.
 */
export const developmentTeeTcbSvn = Buffer.from('05010700000000000000000000000000', 'hex')

/**
 * The development TD: production attributes (only SEPT_VE_DISABLE, bit 28), the XFAM that most deployed TDs show, nothing
 * configured by an owner, RTMR3 never extended. Its measurements are hashes of labels, so no real TD can have them.
 * A development policy lists them; no other policy ever should.
 */
export const developmentMeasurements: TdMeasurements = {
  teeTcbSvn: developmentTeeTcbSvn,
  mrSeam: measured('tdx module'),
  mrSignerSeam: zeros(48),
  seamAttributes: zeros(8),
  tdAttributes: Buffer.from('0000001000000000', 'hex'),
  xfam: Buffer.from('e702060000000000', 'hex'),
  mrTd: measured('td'),
  mrConfigId: zeros(48),
  mrOwner: zeros(48),
  mrOwnerConfig: zeros(48),
  rtMr0: measured('rtmr0'),
  rtMr1: measured('rtmr1'),
  rtMr2: measured('rtmr2'),
  rtMr3: zeros(48),
  teeTcbSvn2: developmentTeeTcbSvn,
  mrServiceTd: zeros(48),
}
