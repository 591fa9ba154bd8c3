import { parseQuote, verifyQuote } from '../../../src/attestation/index.ts'
import { readPckFacts } from '../../../src/attestation/tdx/sgx-extension.ts'
import { parsePemChain } from '../../../src/attestation/tdx/x509.ts'
import type { Chance } from '../harness/chance.ts'
import { joined } from '../harness/der-change.ts'
import { changePem } from '../harness/pem-change.ts'
import { type FuzzTarget, isAttestationRefusal } from '../harness/target.ts'
import { type CollateralSet, collateralSets, credulous, ourCollateral, quotes } from '../samples.ts'

/** By FMSPC: filled with the corpus, so that real quotes come as far as ours do. */
const sets = new Map<string, CollateralSet>()

/** A whole quote, as if every signature in it were good, under the collateral of its platform. */
export const quoteTarget: FuzzTarget = {
  name: 'quote',
  seeds(corpus) {
    for (const set of collateralSets(corpus)) sets.set(set.collateral.tcbInfo.fmspc, set)
    return quotes(corpus)
  },
  run(input) {
    const quote = parseQuote(input, { allowZeroPadding: true })
    const { fmspc } = readPckFacts(parsePemChain(quote.pckChain, 3)[0]!)
    const { collateral, at } = sets.get(fmspc) ?? ourCollateral
    verifyQuote(quote, collateral, at, { crypto: credulous, allowExtendedTd: true })
  },
  isRefusal: isAttestationRefusal,
  sources: ['quote', 'td-report', 'verify', 'tcb', 'pck-chain', 'sgx-extension', 'x509', 'checklist'].map(
    name => `src/attestation/tdx/${name}.ts`,
  ),
  words: [
    Uint8Array.of(4, 0, 2, 0, 0x81, 0, 0, 0),
    Uint8Array.of(5, 0),
    Uint8Array.of(6, 0),
    Uint8Array.of(2, 0, 0x48, 2, 0, 0),
    Uint8Array.of(3, 0, 0x88, 2, 0, 0),
    Uint8Array.of(4, 0, 0x75, 3, 0, 0),
  ],
  change: changeQuote,
}

/** The chain of a quote changed, with every size around it made right. */
function changeQuote(input: Uint8Array, chance: Chance, other: Uint8Array): Uint8Array {
  const bytes = Buffer.from(input)
  const start = bytes.indexOf('-----BEGIN CERTIFICATE-----')
  const body = bytes.length > 60 && bytes.readUInt16LE(0) === 5 ? 54 + bytes.readUInt32LE(50) : 48 + 584
  if (start < body + 200) return input
  const chain = changePem(bytes.subarray(start), chance, other)
  const changed = Buffer.from(joined(bytes.subarray(0, start), chain))
  const grown = chain.length - (bytes.length - start)
  // The sizes of the signature data, of the certification data, and of the chain.
  for (const at of [body, body + 4 + 128 + 2, start - 4]) changed.writeUInt32LE((changed.readUInt32LE(at) + grown) >>> 0, at)
  return changed
}
