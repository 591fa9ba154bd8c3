/**
 * Intel's SGX extension of a PCK certificate (1.2.840.113741.1.13.1): which platform this is and at which security versions.
 * Layout after Intel's "SGX PCK Certificate and CRL Profile Specification" v1.5, §1.3.5.
 */
import * as der from './der.ts'
import type { Extension } from './x509.ts'

export const sgxExtensionOid = '1.2.840.113741.1.13.1'

/** What a PCK certificate says of its platform. */
export interface SgxExtension {
  /** .1: 16 bytes, names the processor package. */
  readonly ppid: Uint8Array
  /** .2.1 to .2.16: security versions of the SGX TCB components, 0..255 each. */
  readonly tcbComponents: readonly number[]
  /** .2.17, 0..65535. */
  readonly pceSvn: number
  /** .2.18: 16 bytes. */
  readonly cpuSvn: Uint8Array
  /** .3: 2 bytes. */
  readonly pceId: Uint8Array
  /** .4: 6 bytes. */
  readonly fmspc: Uint8Array
  /** .5: 0 standard, 1 scalable, 2 scalable with integrity. Intel never leaves it out. */
  readonly sgxType?: number
  /** .6: 16 bytes; only platform CA certificates have it. */
  readonly platformInstanceId?: Uint8Array
  /** .7; only platform CA certificates have it. */
  readonly configuration?: { readonly dynamicPlatform: boolean; readonly cachedKeys: boolean; readonly smtEnabled: boolean }
}

/** The extension, not critical, as Intel issues it. */
export function sgxExtension(sgx: SgxExtension): Extension {
  const { platformInstanceId, configuration } = sgx
  const tcb = der.sequence(
    ...sgx.tcbComponents.map((svn, index) => entry(`2.${index + 1}`, der.integer(svn))),
    entry('2.17', der.integer(sgx.pceSvn)),
    entry('2.18', der.octetString(sgx.cpuSvn)),
  )
  const value = der.sequence(
    entry('1', der.octetString(sgx.ppid)),
    entry('2', tcb),
    entry('3', der.octetString(sgx.pceId)),
    entry('4', der.octetString(sgx.fmspc)),
    ...(sgx.sgxType === undefined ? [] : [entry('5', der.enumerated(sgx.sgxType))]),
    ...(platformInstanceId ? [entry('6', der.octetString(platformInstanceId))] : []),
    ...(configuration ? [entry('7', flags(configuration))] : []),
  )
  return { oid: sgxExtensionOid, critical: false, value }
}

function flags({ dynamicPlatform, cachedKeys, smtEnabled }: NonNullable<SgxExtension['configuration']>): Buffer {
  return der.sequence(
    entry('7.1', der.boolean(dynamicPlatform)),
    entry('7.2', der.boolean(cachedKeys)),
    entry('7.3', der.boolean(smtEnabled)),
  )
}

function entry(arc: string, value: Buffer): Buffer {
  return der.sequence(der.objectIdentifier(`${sgxExtensionOid}.${arc}`), value)
}
