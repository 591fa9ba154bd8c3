/** Chains of P-384 certificates up to a root that is known by its hash: the part that devices and reference values have in common. */
import { AttestationError, type AttestationErrorCode } from '../errors.ts'
import { sameBytes } from '../tdx/bytes.ts'
import { type Certificate, p384Profile, parseCertificate } from '../tdx/x509.ts'
import type { GpuCrypto } from './crypto-port.ts'
import type { TrustedRoot } from './nvidia-roots.ts'

/** How errors of one kind of chain are told. */
export interface ChainCodes {
  /** What is being verified, for people: `the certificates of GPU 0`. */
  readonly what: string
  readonly untrusted: AttestationErrorCode
  readonly expired: AttestationErrorCode
}

const maxPem = 16 * 1024

/** Takes a PEM text of exactly `count` P-384 certificates apart, leaf first. Throws `malformed` for anything else. */
export function parseP384Chain(pem: string, count: number, malformed: AttestationErrorCode): Certificate[] {
  const bad = (why: string) => new AttestationError(malformed, `a certificate chain ${why}`)
  if (pem.length > maxPem) throw bad(`of ${pem.length} characters`)
  const block = /-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]+?)\r?\n-----END CERTIFICATE-----/g
  if (pem.replace(block, '').replace(/\0$/, '').trim() !== '') throw bad('with something else in it')
  const bodies = Array.from(pem.matchAll(block), ([, body]) => body!.replace(/\r?\n/g, ''))
  if (bodies.length !== count) throw bad(`of ${bodies.length} certificates in place of ${count}`)
  return bodies.map(body => parseP384(body, malformed))
}

/** One P-384 certificate from base64 without spaces. Throws `malformed`. */
export function parseP384(base64: string, malformed: AttestationErrorCode): Certificate {
  const der = Buffer.from(base64, 'base64')
  if (der.toString('base64') !== base64) throw new AttestationError(malformed, 'a certificate that is not canonical base64')
  try {
    return parseCertificate(der, p384Profile)
  } catch (cause) {
    if (cause instanceof AttestationError) throw new AttestationError(malformed, cause.message, { cause })
    throw cause
  }
}

/**
 * Verifies a chain, leaf first, at `now` (ms).
 *
 * 1. It ends in the very certificate that is trusted; 2. the leaf may sign and is no CA, every other is a CA that may issue;
 * 3. each names the next as its issuer, within the path length; 4. all are within their windows; 5. each is signed by the next.
 *
 * Throws {@link AttestationError} with one of `codes`.
 */
export async function verifyP384Chain(
  chain: readonly Certificate[],
  root: TrustedRoot,
  now: number,
  crypto: GpuCrypto,
  { what, untrusted, expired }: ChainCodes,
): Promise<void> {
  const bad = (why: string) => new AttestationError(untrusted, `${what}: ${why}`)
  const last = chain.at(-1)
  if (!last || Buffer.from(crypto.sha256(last.raw)).toString('hex') !== root.sha256) throw bad(`the chain does not end in ${root.name}`) // 1
  for (const [index, certificate] of chain.entries()) {
    if (index === 0 ? certificate.isCa || !certificate.keyUsage.digitalSignature : !certificate.isCa || !certificate.keyUsage.certSign)
      throw bad(`certificate ${index} is not for what it is used`) // 2
    const issuer = chain[index + 1] ?? certificate
    if (!sameBytes(certificate.issuer, issuer.subject)) throw bad(`certificate ${index} names another issuer`) // 3
    if (certificate.pathLength !== undefined && certificate.pathLength < index - 1)
      throw bad(`the path under certificate ${index} is too long`)
    if (now < certificate.notBefore || now > certificate.notAfter)
      throw new AttestationError(expired, `${what}: certificate ${index} is outside its window`) // 4
  }
  for (const [index, certificate] of chain.slice(0, -1).entries()) {
    if (!(await crypto.verifyP384(chain[index + 1]!.publicKey, certificate.tbs, certificate.signature)))
      throw bad(`the signature of certificate ${index} is not its issuer's`) // 5
  }
}
