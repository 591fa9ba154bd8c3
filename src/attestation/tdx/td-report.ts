/**
 * The TD report body of a quote, as views of it: TD 1.0 (584 bytes), TD 1.5 (648), and TD 1.5 extended (885), which tells of a
 * TD that came from another machine.
 *
 *     offset size                                 offset size
 *          0   16 TEE_TCB_SVN                        600   48 MRSERVICETD
 *         16   48 MRSEAM                             --------- TD 1.5 extended
 *         64   48 MRSIGNERSEAM                       648    1 id of the VM
 *        112    8 SEAMATTRIBUTES                     649   32 id of the TD
 *        120    8 TDATTRIBUTES                       681   48 device information
 *        128    8 XFAM                               729   48 hash of the first service TD
 *        136   48 MRTD                               777    8 attributes of the first service TD
 *        184   48 MRCONFIGID                         785   16 CPUSVN of the first machine
 *        232   48 MROWNER                            801   16 TEE_TCB_SVN of the first machine
 *        280   48 MROWNERCONFIG                      817   12 FMSPC of the first machine
 *        328 4*48 RTMR0..3                           829   48 hash of the present service TD
 *        520   64 REPORTDATA                         877    8 attributes of the present service TD
 *        --------- TD 1.5
 *        584   16 TEE_TCB_SVN_2
 */

/** Body types of quote version 5, and their sizes in bytes. Version 4 has the first and no other. */
export const bodyTypes = { td10: 2, td15: 3, td15Extended: 4 } as const
export type BodyType = (typeof bodyTypes)[keyof typeof bodyTypes]
export const bodySizes: Readonly<Record<BodyType, number>> = { 2: 584, 3: 648, 4: 885 }

export interface TdReport {
  /** Of the TDX module and its platform when the TD was launched. */
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
  readonly rtmr: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  readonly reportData: Uint8Array
  /** As TEE_TCB_SVN, but of now. From TD 1.5 on. */
  readonly teeTcbSvn2: Uint8Array | undefined
  /** From TD 1.5 on. */
  readonly mrServiceTd: Uint8Array | undefined
  /** TD 1.5 extended only. */
  readonly extended: ExtendedTd | undefined
}

export interface ExtendedTd {
  readonly vmId: Uint8Array
  readonly tdId: Uint8Array
  readonly deviceInfo: Uint8Array
  readonly firstServiceTd: { readonly hash: Uint8Array; readonly attributes: Uint8Array }
  readonly firstMachine: { readonly cpuSvn: Uint8Array; readonly teeTcbSvn: Uint8Array; readonly fmspc: Uint8Array }
  readonly presentServiceTd: { readonly hash: Uint8Array; readonly attributes: Uint8Array }
}

/** The fields of a body, which has the size of its type. */
export function readTdReport(body: Uint8Array, type: BodyType): TdReport {
  const field = (start: number, size: number) => body.subarray(start, start + size)
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
    rtmr: [field(328, 48), field(376, 48), field(424, 48), field(472, 48)],
    reportData: field(520, 64),
    teeTcbSvn2: type === bodyTypes.td10 ? undefined : field(584, 16),
    mrServiceTd: type === bodyTypes.td10 ? undefined : field(600, 48),
    extended: type === bodyTypes.td15Extended ? readExtended(field) : undefined,
  }
}

function readExtended(field: (start: number, size: number) => Uint8Array): ExtendedTd {
  return {
    vmId: field(648, 1),
    tdId: field(649, 32),
    deviceInfo: field(681, 48),
    firstServiceTd: { hash: field(729, 48), attributes: field(777, 8) },
    firstMachine: { cpuSvn: field(785, 16), teeTcbSvn: field(801, 16), fmspc: field(817, 12) },
    presentServiceTd: { hash: field(829, 48), attributes: field(877, 8) },
  }
}
