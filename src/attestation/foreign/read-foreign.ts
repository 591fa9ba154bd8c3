/** Which system's document is this? By its form alone: what it proves is what its quote is over. */
import { readAciReport } from './aci.ts'
import { readCocoonCertificate } from './cocoon.ts'
import { readDstackQuote } from './dstack.ts'
import { readDstackCertificate } from './dstack-tls.ts'
import type { ForeignEvidence } from './foreign-evidence.ts'
import { readNearReport } from './near.ts'
import { malformed } from './shape.ts'
import { readTinfoilDocument } from './tinfoil.ts'

/** The systems whose evidence is read, by the names that a policy and a command line have for them. */
export const foreignKinds = ['near', 'aci', 'tinfoil', 'dstack', 'dstack-tls', 'cocoon'] as const
export type ForeignKind = (typeof foreignKinds)[number]

const certificateForms: readonly ForeignKind[] = ['dstack-tls', 'cocoon']

/** The kind that a document has the form of; undefined for none of them. Certificates are tried as `dstack-tls`. */
export function kindOfDocument(document: Uint8Array): ForeignKind | undefined {
  const text = Buffer.from(document).toString('utf8')
  if (/^\s*-----BEGIN CERTIFICATE-----/.test(text) || document[0] === 0x30) return 'dstack-tls'
  const value = objectIn(text)
  if (!value) return undefined
  const has = (...members: string[]) => members.some(member => member in value)
  if (has('api_version')) return 'aci'
  if (has('intel_quote', 'all_attestations', 'gateway_attestation')) return 'near'
  if (has('cpu_evidence') || (has('format') && has('body'))) return 'tinfoil'
  return has('quote') ? 'dstack' : undefined
}

/**
 * Every enclave's evidence in a document of `kind`, over `nonce` (32 bytes of ours) where the system has a place for one. Throws
 * `AttestationError` as the system's reader does.
 */
export function readForeign(kind: ForeignKind, document: Uint8Array, nonce: Uint8Array | undefined): ForeignEvidence[] {
  const text = Buffer.from(document).toString('utf8')
  if (certificateForms.includes(kind)) {
    const certificate = document[0] === 0x30 ? document : text
    return [kind === 'cocoon' ? readCocoonCertificate(certificate) : readDstackCertificate(certificate)]
  }
  if (kind === 'tinfoil') return [readTinfoilDocument(text, nonce)]
  const value = objectIn(text)
  if (!value) throw malformed('the document is no JSON object')
  if (kind === 'near') return readNearReport(value, nonce)
  return [kind === 'aci' ? readAciReport(value, nonce) : readDstackQuote(value, nonce)]
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
