/** Certificates that no builder makes, signed all the same: what is wrong with them is then the only thing wrong. */
import { type KeyObject, sign } from 'node:crypto'
import type { SoftwareQuotingAuthority } from '../../../src/tee/authority.ts'
import type { CertificateName } from '../../../src/tee/authority-documents.ts'
import * as der from '../../../src/tee/der.ts'
import { type CertificateSpec, tbsCertificate } from '../../../src/tee/x509.ts'

const ecdsaWithSha256 = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'))

/** The description of an authority's certificate, as it was issued. */
export function specOf(authority: SoftwareQuotingAuthority, name: CertificateName): CertificateSpec {
  let found: CertificateSpec | undefined
  authority.with({
    [name]: (spec: CertificateSpec) => {
      found = spec
      return spec
    },
  })
  return found!
}

/** A certificate whose bytes were changed before they were signed. */
export function forged(spec: CertificateSpec, change: (tbs: Buffer) => Buffer, key: KeyObject = spec.issuerKey): Buffer {
  const tbs = change(tbsCertificate(spec))
  return der.sequence(tbs, ecdsaWithSha256, der.bitString(sign('sha256', tbs, key)))
}

/** A copy with the only `from` replaced by `to`, of the same size. Throws where there is none, or more than one. */
export function swapped(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  const at = bytes.indexOf(from)
  if (at < 0 || bytes.indexOf(from, at + 1) >= 0 || from.length !== to.length) throw new RangeError('nothing to swap, or too much')
  return Buffer.concat([bytes.subarray(0, at), to, bytes.subarray(at + from.length)])
}
