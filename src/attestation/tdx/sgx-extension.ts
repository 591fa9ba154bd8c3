/** Intel's SGX extension of a PCK certificate (1.2.840.113741.1.13.1): which platform, at which TCB. */

import { AttestationError } from '../errors.ts'
import { toHex } from './bytes.ts'
import { DerError, type Element, expect, readAll, readBoolean, readOid, readOne, readSmall, tags } from './der.ts'
import type { Certificate } from './x509.ts'

const arc = '1.2.840.113741.1.13.1'

export const sgxTypes = ['standard', 'scalable', 'scalable-with-integrity'] as const
export type SgxType = (typeof sgxTypes)[number]

export interface PckFacts {
  /** Platform provisioning id, 16 bytes: names the very machine. */
  readonly ppid: Uint8Array
  /** Component SVNs, 16 numbers of one byte. */
  readonly components: readonly number[]
  readonly pcesvn: number
  /** 16 bytes: what the components were read from. */
  readonly cpuSvn: Uint8Array
  /** 2 and 6 bytes, lowercase hex. */
  readonly pceId: string
  readonly fmspc: string
  /** How the processor guards enclave memory. All of Intel's certificates say it; where one does not, a policy that asks for a type refuses. */
  readonly sgxType: SgxType | undefined
  /** What follows is only in certificates of the platform CA: machines of several packages, registered as a whole. */
  readonly platform: PckPlatform | undefined
}

export interface PckPlatform {
  /** 16 bytes. */
  readonly instanceId: Uint8Array
  /** Whether packages may be added to the machine. */
  readonly dynamicPlatform: boolean
  /** Whether Intel keeps the platform's root keys. */
  readonly cachedKeys: boolean
  /** Whether simultaneous multithreading was on when the platform was registered. */
  readonly smtEnabled: boolean
}

/** Members of the extension: 1 to 4 always, 5 the SGX type, 6 and 7 in certificates of the platform CA. */
const memberSets = ['1,2,3,4', '1,2,3,4,5', '1,2,3,4,5,6,7']

/** Reads the extension. Throws {@link AttestationError} `certificate-malformed` where it is not there or not whole. */
export function readPckFacts(certificate: Certificate): PckFacts {
  try {
    if (!certificate.sgx) throw new DerError('no SGX extension')
    return pckFacts(readMembers(readOne(certificate.sgx, tags.sequence)))
  } catch (cause) {
    if (cause instanceof DerError)
      throw new AttestationError('certificate-malformed', `the PCK certificate's SGX extension cannot be read: ${cause.message}`, { cause })
    throw cause
  }
}

function pckFacts(members: ReadonlyMap<string, Element>): PckFacts {
  const names = Array.from(members.keys(), oid => oid.replace(`${arc}.`, '')).sort()
  if (!memberSets.includes(names.join())) throw new DerError(`members ${names.join(', ')}`)
  const tcb = readMembers(expect(member(members, '2'), tags.sequence))
  const type = member(members, '5')
  const sgxType = type && sgxTypes[readSmall(type, tags.enumerated)]
  if (type && !sgxType) throw new DerError('an SGX type that is not known')
  return {
    ppid: octets(member(members, '1'), 16),
    components: Array.from({ length: 16 }, (_, index) => small(member(tcb, `2.${index + 1}`), 255)),
    pcesvn: small(member(tcb, '2.17'), 65_535),
    cpuSvn: octets(member(tcb, '2.18'), 16),
    pceId: toHex(octets(member(members, '3'), 2)),
    fmspc: toHex(octets(member(members, '4'), 6)),
    sgxType,
    platform: members.size === 7 ? platform(members) : undefined,
  }
}

function platform(members: ReadonlyMap<string, Element>): PckPlatform {
  const configuration = readMembers(expect(member(members, '7'), tags.sequence))
  return {
    instanceId: octets(member(members, '6'), 16),
    dynamicPlatform: readBoolean(member(configuration, '7.1')),
    cachedKeys: readBoolean(member(configuration, '7.2')),
    smtEnabled: readBoolean(member(configuration, '7.3')),
  }
}

function readMembers(sequence: Element): Map<string, Element> {
  const members = new Map<string, Element>()
  for (const pair of readAll(sequence.contents, 32)) {
    const [oid, value] = readAll(expect(pair, tags.sequence).contents, 2)
    const name = readOid(oid)
    if (members.has(name)) throw new DerError(`${name} twice`)
    members.set(name, expect(value, undefined))
  }
  return members
}

function member(members: ReadonlyMap<string, Element>, name: string): Element | undefined {
  return members.get(`${arc}.${name}`)
}

/** An SVN. PCESVN comes in one, two or three content bytes, because it is an ASN.1 INTEGER. */
function small(element: Element | undefined, most: number): number {
  const value = readSmall(element)
  if (value > most) throw new DerError('an SVN that is too large')
  return value
}

function octets(element: Element | undefined, size: number): Uint8Array {
  const { contents } = expect(element, tags.octetString)
  if (contents.length !== size) throw new DerError('an octet string of a wrong size')
  return contents
}
