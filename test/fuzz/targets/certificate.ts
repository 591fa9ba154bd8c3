import { AttestationError, parseQuote } from '../../../src/attestation/index.ts'
import { readPckFacts } from '../../../src/attestation/tdx/sgx-extension.ts'
import { p384Profile, parseCertificate, parsePemChain } from '../../../src/attestation/tdx/x509.ts'
import { changeDer } from '../harness/der-change.ts'
import { type FuzzTarget, isAttestationRefusal } from '../harness/target.ts'
import { authority, quotes } from '../samples.ts'

/** A certificate of either PKI, and the SGX extension in it. */
export const certificateTarget: FuzzTarget = {
  name: 'certificate',
  seeds: corpus => [
    ...Object.values(authority.certificates),
    ...quotes(corpus).flatMap(quote => parsePemChain(parseQuote(quote).pckChain, 3).map(({ raw }) => raw)),
  ],
  run(input) {
    const certificate = either(input)
    if (certificate.sgx) readPckFacts(certificate)
  },
  isRefusal: isAttestationRefusal,
  sources: ['src/attestation/tdx/x509.ts', 'src/attestation/tdx/sgx-extension.ts', 'src/attestation/tdx/der.ts'],
  change: changeDer,
}

function either(input: Uint8Array): ReturnType<typeof parseCertificate> {
  try {
    return parseCertificate(input)
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error
    return parseCertificate(input, p384Profile)
  }
}
