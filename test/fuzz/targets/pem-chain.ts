import { parseQuote } from '../../../src/attestation/index.ts'
import { verifyPckChain } from '../../../src/attestation/tdx/pck-chain.ts'
import { changePem } from '../harness/pem-change.ts'
import { type FuzzTarget, isAttestationRefusal } from '../harness/target.ts'
import { credulous, ourCollateral, quotes } from '../samples.ts'

/** The chain inside a quote, as if every signature in it were good. */
export const pemChainTarget: FuzzTarget = {
  name: 'pem-chain',
  seeds: corpus => quotes(corpus).map(quote => parseQuote(quote).pckChain),
  run: input => void verifyPckChain(input, ourCollateral.collateral, ourCollateral.at, credulous),
  isRefusal: isAttestationRefusal,
  sources: [
    'src/attestation/tdx/x509.ts',
    'src/attestation/tdx/pck-chain.ts',
    'src/attestation/tdx/sgx-extension.ts',
    'src/attestation/tdx/bytes.ts',
  ],
  words: ['-----BEGIN CERTIFICATE-----\n', '\n-----END CERTIFICATE-----', '\r\n', '\0', '=', '=='],
  change: changePem,
}
