/**
 * TLS certificates of dstack guests: extensions under 1.3.6.1.4.1.62397.1 hold the quote (1) and the event log (2).
 *
 *     REPORTDATA = SHA-512("ratls-cert:" || SubjectPublicKeyInfo)
 *
 * There is no place for a nonce: a certificate is as old as its quote, and may be so for years. Newer guests write one extension for
 * both (8) in a form of its own, which is not read.
 */
import { createHash } from 'node:crypto'
import { utf8 } from '../../lib/bytes.ts'
import { readOne, tags } from '../tdx/der.ts'
import type { ForeignEvidence } from './foreign-evidence.ts'
import { malformed } from './shape.ts'
import { readTlsCertificate } from './tls-certificate.ts'

const extensionIds = { quote: '1.3.6.1.4.1.62397.1.1', eventLog: '1.3.6.1.4.1.62397.1.2' }
const maxLog = 512 * 1024

/** The evidence in a certificate, PEM or DER; it is never fresh. Throws {@link AttestationError} `evidence-malformed`. */
export function readDstackCertificate(document: string | Uint8Array): ForeignEvidence {
  const { spki, notAfter, extensions } = readTlsCertificate(document)
  const quote = octets(extensions.get(extensionIds.quote))
  if (!quote) throw malformed('the certificate has no quote')
  const log = octets(extensions.get(extensionIds.eventLog))
  if (log && log.length > maxLog) throw malformed('the certificate has a huge event log')
  return {
    format: 'dstack-tls',
    part: 'certificate',
    quote,
    reportData: createHash('sha512').update(utf8('ratls-cert:')).update(spki).digest(),
    fresh: false,
    keys: [{ role: 'tls', algorithm: 'SubjectPublicKeyInfo', value: Buffer.from(spki).toString('hex') }],
    notAfter,
    eventLog: log && Buffer.from(log).toString('utf8'),
    gpu: null,
  }
}

/** The bytes of an extension, which are an OCTET STRING once more. */
function octets(value: Uint8Array | undefined): Uint8Array | undefined {
  if (!value) return undefined
  try {
    return readOne(value, tags.octetString).contents
  } catch (cause) {
    throw malformed('an extension of the certificate is no OCTET STRING', cause)
  }
}
