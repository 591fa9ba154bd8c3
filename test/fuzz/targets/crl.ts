import { checkRevocation, parseCrl, roles, verifyCrl } from '../../../src/attestation/tdx/x509.ts'
import { changeDer } from '../harness/der-change.ts'
import { type FuzzTarget, isAttestationRefusal } from '../harness/target.ts'
import { collateralSets, credulous, ourCollateral } from '../samples.ts'

/** A revocation list, as if its signature were good: of either CA, or of another. */
export const crlTarget: FuzzTarget = {
  name: 'crl',
  seeds: corpus => collateralSets(corpus).flatMap(({ parts }) => [parts.rootCaCrl, parts.pckCrl]),
  run(input) {
    const list = parseCrl(input)
    const { collateral, at } = ourCollateral
    for (const issuer of [collateral.root, collateral.pckCa]) {
      try {
        verifyCrl(list, issuer, 'CRL', at, credulous)
        checkRevocation(collateral.pckCa, list, roles.pckCa)
      } catch (error) {
        if (!isAttestationRefusal(error)) throw error
      }
    }
  },
  isRefusal: isAttestationRefusal,
  sources: ['src/attestation/tdx/x509.ts', 'src/attestation/tdx/der.ts'],
  change: changeDer,
}
