/** Terms under which no channel may open, each wrong in one thing. Our own codec refuses to write them. */
import { type Address, beginCell, type Cell } from '@ton/core'
import { exotic, testAddress, withoutBits, withTrailingBit, withTrailingRef } from '../../support/ton.ts'
import { oddAddresses } from './odd-addresses.ts'
import { birth, parties } from './parties.ts'

interface OddTerms {
  readonly cell: Cell
  /** `undefined` where the cell names no standard address, or is no terms at all. */
  readonly payer: Address | undefined
  readonly payee: Address | undefined
}

const standard = (address: Address) => beginCell().storeAddress(address).endCell()
const elsewhere = testAddress('elsewhere', -1)
const { nobody, external, anycast, variable } = oddAddresses

function terms({ payer = standard(parties.payer), payee = standard(parties.payee), challengePeriod = 3_600 }): Cell {
  return beginCell()
    .storeSlice(payer.beginParse())
    .storeSlice(payee.beginParse())
    .storeUint(challengePeriod, 32)
    .storeUint(birth + 7_200, 32)
    .storeUint(0, 64)
    .endCell()
}

const { payer, payee } = parties

export const oddTerms = {
  'a challenge period over 30 days': { cell: terms({ challengePeriod: 30 * 86_400 + 1 }), payer, payee },
  'the longest challenge period of all': { cell: terms({ challengePeriod: 2 ** 32 - 1 }), payer, payee },
  'a payer in the masterchain': { cell: terms({ payer: standard(elsewhere) }), payer: elsewhere, payee },
  'a payee in the masterchain': { cell: terms({ payee: standard(elsewhere) }), payer, payee: elsewhere },
  'a payer with anycast': { cell: terms({ payer: anycast }), payer: undefined, payee: undefined },
  'a payee with anycast': { cell: terms({ payee: anycast }), payer, payee: undefined },
  'a payer at a variable address': { cell: terms({ payer: variable }), payer: undefined, payee: undefined },
  'a payee at a variable address': { cell: terms({ payee: variable }), payer, payee: undefined },
  'no payer': { cell: terms({ payer: nobody }), payer: undefined, payee: undefined },
  'no payee': { cell: terms({ payee: nobody }), payer, payee: undefined },
  'a payer outside of the chain': { cell: terms({ payer: external }), payer: undefined, payee: undefined },
  'a payee outside of the chain': { cell: terms({ payee: external }), payer, payee: undefined },
  'a bit too many': { cell: withTrailingBit(terms({})), payer, payee },
  'a reference': { cell: withTrailingRef(terms({})), payer, payee },
  'a bit too few': { cell: withoutBits(terms({})), payer, payee },
  'only the addresses': { cell: withoutBits(terms({}), 128), payer, payee },
  'in a library': { cell: exotic(terms({}), 'library'), payer: undefined, payee: undefined },
  'a proof of them': { cell: exotic(terms({}), 'proof'), payer: undefined, payee: undefined },
  'hardly a bit': { cell: withoutBits(terms({}), 600), payer: undefined, payee: undefined },
} satisfies Record<string, OddTerms>
