/** Intel's SGX extension of a PCK certificate (1.2.840.113741.1.13.1): which platform, at which TCB. */

import { AttestationError } from '../errors.ts'
import { DerError, type Element, expect, readAll, readInteger, readOid, readOne, tags } from './der.ts'
import type { Certificate } from './x509.ts'

const arc = '1.2.840.113741.1.13.1'

export interface PckFacts {
  /** Platform provisioning id, 16 bytes: names the very machine. */
  readonly ppid: Uint8Array
  /** Component SVNs, 16 numbers of one byte. */
  readonly components: readonly number[]
  readonly pcesvn: number
  /** 2 and 6 bytes, lowercase hex. */
  readonly pceId: string
  readonly fmspc: string
}

/** Reads the extension. Throws {@link AttestationError} `certificate-malformed` where it is not there or not whole. */
export function readPckFacts(certificate: Certificate): PckFacts {
  try {
    if (!certificate.sgx) throw new DerError('no SGX extension')
    const members = readMembers(readOne(certificate.sgx, tags.sequence))
    const tcb = readMembers(expect(member(members, 2), tags.sequence))
    const components = Array.from({ length: 16 }, (_, index) => small(tcb.get(`${arc}.2.${index + 1}`), 255))
    return {
      ppid: octets(member(members, 1), 16),
      components,
      pcesvn: small(tcb.get(`${arc}.2.17`), 65_535),
      pceId: hex(octets(member(members, 3), 2)),
      fmspc: hex(octets(member(members, 4), 6)),
    }
  } catch (cause) {
    if (cause instanceof DerError)
      throw new AttestationError('certificate-malformed', `the PCK certificate's SGX extension cannot be read: ${cause.message}`, { cause })
    throw cause
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

function member(members: ReadonlyMap<string, Element>, last: number): Element | undefined {
  return members.get(`${arc}.${last}`)
}

/** An SVN. PCESVN comes in one, two or three content bytes, because it is an ASN.1 INTEGER. */
function small(element: Element | undefined, most: number): number {
  const value = Number(readInteger(element, 3))
  if (value > most) throw new DerError('an SVN that is too large')
  return value
}

function octets(element: Element | undefined, size: number): Uint8Array {
  const { contents } = expect(element, tags.octetString)
  if (contents.length !== size) throw new DerError('an octet string of a wrong size')
  return contents
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
