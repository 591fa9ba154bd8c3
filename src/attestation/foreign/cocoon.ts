/**
 * TLS certificates of Cocoon: self-signed, Ed25519, for a day. Extension 1.3.6.1.4.1.12345.1 holds the quote, with zeros behind it, and
 * .2 the claims, which are the raw public key.
 *
 *     REPORTDATA = SHA-512(claims)
 *
 * There is no place for a nonce, and the certificate's own times are its maker's: whoever has the key writes a new certificate round an old quote.
 */
import { createHash } from 'node:crypto'
import { equalBytes, toHex } from '../../lib/bytes.ts'
import { readOne, tags } from '../tdx/der.ts'
import type { ForeignEvidence } from './foreign-evidence.ts'
import { malformed } from './shape.ts'
import { readTlsCertificate } from './tls-certificate.ts'

const extensionIds = { quote: '1.3.6.1.4.1.12345.1', claims: '1.3.6.1.4.1.12345.2' }
/** RFC 8410. */
const ed25519 = '1.3.101.112'
const maxQuote = 32 * 1024

/** The evidence in a certificate, PEM or DER; it is never fresh. Throws {@link AttestationError} `evidence-malformed`. */
export function readCocoonCertificate(document: string | Uint8Array): ForeignEvidence {
  const { publicKey, keyAlgorithm, notAfter, extensions } = readTlsCertificate(document)
  if (keyAlgorithm !== ed25519 || publicKey.length !== 32) throw malformed('the key of the certificate is not Ed25519')
  const quote = contents(extensions.get(extensionIds.quote))
  if (!quote) throw malformed('the certificate has no quote')
  if (quote.length > maxQuote) throw malformed(`a quote of ${quote.length} bytes`)
  const claims = contents(extensions.get(extensionIds.claims)) ?? publicKey
  if (!equalBytes(claims, publicKey)) throw malformed('the claims of the certificate are not its key')
  return {
    format: 'cocoon',
    part: 'certificate',
    quote,
    reportData: createHash('sha512').update(publicKey).digest(),
    fresh: false,
    keys: [{ role: 'tls', algorithm: 'Ed25519', value: toHex(publicKey) }],
    notAfter,
    eventLog: undefined,
    gpu: null,
  }
}

/** The bytes of an extension, as they stand or in an OCTET STRING once more: both begin with 0x04, but a quote's second byte is zero. */
function contents(value: Uint8Array | undefined): Uint8Array | undefined {
  if (!value || value[0] !== tags.octetString || value[1] === 0) return value
  try {
    return readOne(value, tags.octetString).contents
  } catch {
    return value
  }
}
