/** Whether a payer should take what a proxy proposes. Everything is derived or compared; nothing of it is taken on trust. */
import { Address } from '@ton/core'
import { messageOf } from '../lib/coded-error.ts'
import { channelAddress, refuseTorsion } from '../payment-channel/index.ts'
import { termsOf } from './account-file.ts'
import type { Proposal } from './desk.ts'
import { ChannelCommandError } from './errors.ts'
import type { Network } from './networks.ts'

export interface Expectation {
  readonly network: Network
  readonly payer: Address
  /** Raw Ed25519. */
  readonly payerKey: Uint8Array
  /** Unix seconds. */
  readonly now: number
}

/**
 * Checks a proposal: on our chain, for our payer and key, payable in the basechain, a challenge period that leaves time and
 * ends, an address that is open for a bounded time, a payee key that is one, and the address that all this leads to.
 * Returns that address. Throws {@link ChannelCommandError} `proposal`.
 */
export function checkProposal(proposal: Proposal, { network, payer, payerKey, now }: Expectation): Address {
  const refuse = (why: string, cause?: unknown) =>
    new ChannelCommandError('proposal', `the proxy's terms are not acceptable: ${why}. Nothing was sent.`, { cause })
  if (proposal.chain !== network.globalId)
    throw refuse(`they are for the chain ${proposal.chain}, not for ${network.name} (${network.globalId}); --network names another`)
  try {
    const terms = termsOf(proposal.terms)
    if (!terms.payer.equals(payer)) throw new RangeError('the payer in them is not yours')
    if (!Buffer.from(proposal.payer_key, 'hex').equals(payerKey)) throw new RangeError('the payer key in them is not yours')
    const { least, most } = network.challengePeriod
    if (terms.challengePeriod < least || terms.challengePeriod > most)
      throw new RangeError(`a challenge period of ${terms.challengePeriod} s is outside of ${least} to ${most} s`)
    if (terms.openUntil <= now) throw new RangeError('the time to open the channel is over')
    if (terms.openUntil > now + network.openWithin)
      throw new RangeError(`the address would stay open for more than ${network.openWithin} s`)
    const payeeKey = Buffer.from(proposal.payee_key, 'hex')
    refuseTorsion(payeeKey)
    if (payeeKey.equals(payerKey)) throw new RangeError('the payee key is your own')
    const address = channelAddress(terms, payerKey, payeeKey)
    if (!address.equals(Address.parse(proposal.address))) throw new RangeError('they lead to another address than the one that is named')
    return address
  } catch (cause) {
    throw refuse(messageOf(cause), cause)
  }
}
