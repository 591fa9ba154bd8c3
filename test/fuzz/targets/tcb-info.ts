import { loadCollateral, parseQuote, verifyQuote } from '../../../src/attestation/index.ts'
import { changeJson } from '../harness/json-change.ts'
import { type FuzzTarget, isAttestationRefusal } from '../harness/target.ts'
import { authority, collateralSets, credulous, ourCollateral } from '../samples.ts'

const judged = [authority.issueQuote(), authority.issueQuote({ version: 5 })].map(bytes => parseQuote(bytes))
const statuses = ['"UpToDate"', '"SWHardeningNeeded"', '"ConfigurationNeeded"', '"OutOfDate"', '"Revoked"', '"TDX_03"', '"TDX_01"']

/** TCB info that somebody signed, whatever it says, and quotes judged by it. */
export const tcbInfoTarget: FuzzTarget = {
  name: 'tcb-info',
  seeds: corpus => collateralSets(corpus).map(({ parts }) => new TextEncoder().encode(parts.tcbInfo)),
  run: input => judgeBy('tcbInfo', input),
  isRefusal: isAttestationRefusal,
  sources: ['src/attestation/tdx/tcb-info.ts', 'src/attestation/tdx/tcb.ts', 'src/attestation/tdx/collateral.ts'],
  words: [...statuses, '"advisoryIDs":[]', '"svn":255', '2026-06-01T00:00:00Z', '"tdxModuleIdentities":[]'],
  change: changeJson,
}

/** A QE identity likewise. */
export const qeIdentityTarget: FuzzTarget = {
  name: 'qe-identity',
  seeds: corpus => collateralSets(corpus).map(({ parts }) => new TextEncoder().encode(parts.qeIdentity)),
  run: input => judgeBy('qeIdentity', input),
  isRefusal: isAttestationRefusal,
  sources: ['src/attestation/tdx/tcb-info.ts', 'src/attestation/tdx/tcb.ts', 'src/attestation/tdx/collateral.ts'],
  words: [...statuses, '"TD_QE"', '"isvsvn":0', '2026-06-01T00:00:00Z'],
  change: changeJson,
}

function judgeBy(part: 'tcbInfo' | 'qeIdentity', input: Uint8Array): void {
  const { parts, root, at } = ourCollateral
  const collateral = loadCollateral({ ...parts, [part]: new TextDecoder().decode(input) }, at, root, { crypto: credulous })
  for (const quote of judged) {
    try {
      verifyQuote(quote, collateral, at, { crypto: credulous })
    } catch (error) {
      if (!isAttestationRefusal(error)) throw error
    }
  }
}
