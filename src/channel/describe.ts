/** A channel in words and in JSON. */
import { formatTon } from '../lib/nanoton.ts'
import { type ChannelAccount, channelStatus } from '../payment-channel/index.ts'
import type { PayersChannel } from './account-file.ts'

const names = ['new', 'open', 'closing', 'closed'] as const

/** What the chain says, for programs. */
export function chainView({ state, balance }: ChannelAccount): Record<string, unknown> {
  return {
    status: state ? names[state.status] : 'absent',
    balance: balance.toString(),
    deposited: (state?.deposited ?? 0n).toString(),
    settled: (state?.settled ?? 0n).toString(),
    closes_at: state?.status === channelStatus.closing ? state.closesAt : null,
  }
}

/** The same for people. */
export function chainLines({ state, balance }: ChannelAccount): string[] {
  if (!state) return [`on chain    not there yet; ${formatTon(balance)} at the address`]
  const lines = [
    `on chain    ${names[state.status]}`,
    `deposited   ${formatTon(state.deposited)}`,
    `settled     ${formatTon(state.settled)} (paid to the proxy)`,
    `balance     ${formatTon(balance)}`,
  ]
  if (state.status === channelStatus.closing) lines.push(`closes at   ${timeOf(state.closesAt)}`)
  return lines
}

export function timeOf(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString().replace('.000Z', 'Z')
}

/** The address as people of this network write it. */
export function addressOf({ address, network }: Pick<PayersChannel, 'address' | 'network'>): string {
  return address.toString({ testOnly: network.testOnly })
}
