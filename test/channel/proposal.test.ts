/** What a payer takes from a proxy, and everything it does not. */
import { Address } from '@ton/core'
import { describe, expect, test } from 'vitest'
import { termsOf } from '../../src/channel/account-file.ts'
import type { Proposal } from '../../src/channel/desk.ts'
import { ChannelCommandError } from '../../src/channel/errors.ts'
import { type NetworkName, networks } from '../../src/channel/networks.ts'
import { checkProposal } from '../../src/channel/proposal.ts'
import { channelAddress, keyPairOf } from '../../src/payment-channel/index.ts'
import { testAddress } from '../support/ton.ts'

const now = 1_790_000_000
const day = 86_400
const payer = testAddress('payer')
const payerKey = keyPairOf(Buffer.alloc(32, 1)).publicKey
const payeeKey = keyPairOf(Buffer.alloc(32, 2)).publicKey

function proposalOf(terms: Partial<Proposal['terms']> = {}, more: Partial<Proposal> = {}): Proposal {
  const whole = {
    payer: payer.toString(),
    payee: testAddress('payee').toString(),
    challenge_period: day,
    open_until: now + day,
    salt: '7',
    ...terms,
  }
  const address = (() => {
    try {
      return channelAddress(termsOf(whole), payerKey, Buffer.from(more.payee_key ?? payeeKey.toString('hex'), 'hex')).toString()
    } catch {
      return payer.toString()
    }
  })()
  return {
    terms: whole,
    payer_key: payerKey.toString('hex'),
    payee_key: payeeKey.toString('hex'),
    address,
    chain: -239,
    minimum_deposit: '200000000',
    ...more,
  }
}

function outcome(proposal: Proposal, network: NetworkName = 'mainnet'): string {
  try {
    checkProposal(proposal, { network: networks[network], payer, payerKey, now })
    return 'taken'
  } catch (error) {
    if (!(error instanceof ChannelCommandError)) throw error
    expect(error.code).toBe('proposal')
    expect(error.message).toMatch(/^the proxy's terms are not acceptable: .*Nothing was sent\.$/)
    return error.message.slice("the proxy's terms are not acceptable: ".length, -'. Nothing was sent.'.length)
  }
}

describe('a proposal', () => {
  test('is taken when everything in it is ours or derived', () => {
    const proposal = proposalOf()
    const address = checkProposal(proposal, { network: networks.mainnet, payer, payerKey, now })
    expect(address.equals(Address.parse(proposal.address))).toBe(true)
  })

  test.each<[string, Proposal]>([
    ['the shortest challenge period', proposalOf({ challenge_period: day })],
    ['the longest challenge period', proposalOf({ challenge_period: 7 * day })],
    ['an address that is open as long as it may', proposalOf({ open_until: now + 2 * day })],
  ])('is taken with %s', (_, proposal) => {
    expect(outcome(proposal)).toBe('taken')
  })

  test.each<[string, Proposal, RegExp]>([
    ['for another chain', proposalOf({}, { chain: -3 }), /^they are for the chain -3, not for mainnet/],
    ['for another payer', proposalOf({ payer: testAddress('thief').toString() }), /payer in them is not yours/],
    ['for another payer key', proposalOf({}, { payer_key: payeeKey.toString('hex') }), /payer key in them is not yours/],
    ['with a payer that is no address', proposalOf({ payer: 'nobody' }), /address/i],
    ['with a payee in the masterchain', proposalOf({ payee: testAddress('payee', -1).toString() }), /basechain/],
    ['with a challenge period too short to notice', proposalOf({ challenge_period: day - 1 }), /challenge period of 86399 s/],
    ['with a challenge period that locks coins', proposalOf({ challenge_period: 7 * day + 1 }), /challenge period/],
    ['whose time is over', proposalOf({ open_until: now }), /time to open the channel is over/],
    ['whose address stays open too long', proposalOf({ open_until: now + 2 * day + 1 }), /stay open for more than/],
    ['with a salt beyond its bits', proposalOf({ salt: (1n << 64n).toString() }), /salt/],
    ['with a payee key that is no point', proposalOf({}, { payee_key: 'ff'.repeat(32) }), /key/],
    ['with a payee key of small order', proposalOf({}, { payee_key: `01${'00'.repeat(31)}` }), /small order/],
    ['with our own key as the payee’s', proposalOf({}, { payee_key: payerKey.toString('hex') }), /your own/],
    ['that names another address', proposalOf({}, { address: testAddress('elsewhere').toString() }), /another address/],
  ])('%s is refused', (_, proposal, why) => {
    expect(outcome(proposal)).toMatch(why)
  })

  test('may close within a minute on the development chain, and there alone', () => {
    const quick = proposalOf({ challenge_period: 60 })
    expect(outcome({ ...quick, chain: networks.dev.globalId }, 'dev')).toBe('taken')
    expect(outcome({ ...quick, chain: -3 }, 'testnet')).toMatch(/challenge period of 60 s/)
  })
})
