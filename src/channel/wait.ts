/** Waiting for the chain: until it shows what is wanted, or patience ends; the person is told what is waited for. */
import type { Address } from '@ton/core'
import { type ChannelAccount, poll } from '../payment-channel/index.ts'
import type { Chain } from './chain.ts'
import { ChannelCommandError } from './errors.ts'

/** Looks at `address` until `isThere` is satisfied. Throws {@link ChannelCommandError} `state` after `timeoutMs`, saying `otherwise`. */
export async function waitFor(
  chain: Chain,
  address: Address,
  { timeoutMs, otherwise }: { timeoutMs: number; otherwise: string },
  isThere: (account: ChannelAccount) => boolean | Promise<boolean>,
): Promise<ChannelAccount> {
  let failure: ChannelCommandError | undefined
  const seen = await poll({ clock: chain.clock, intervalMs: chain.intervalMs, timeoutMs }, async () => {
    try {
      const account = await chain.read(address)
      failure = undefined
      return (await isThere(account)) ? account : undefined
    } catch (error) {
      // Endpoints that lag behind each other disagree for a moment at every change.
      if (!(error instanceof ChannelCommandError) || error.code !== 'chain') throw error
      failure = error
      return undefined
    }
  })
  if (seen) return seen
  if (failure) throw failure
  throw new ChannelCommandError('state', otherwise)
}
