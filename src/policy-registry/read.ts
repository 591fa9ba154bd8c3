/** Reads a registry from account data: never from a get-method, which an endpoint runs as it likes. */
import type { Address } from '@ton/core'
import { type ChainClient, getAccount } from '../payment-channel/index.ts'
import { RegistryError } from './errors.ts'
import { parseRegistry, type RegistryState } from './state.ts'

/** A registry as of one block. */
export interface RegistryView {
  readonly state: RegistryState
  /** The chain's time of this view, Unix seconds. */
  readonly seenAt: number
  /** The block of this view. */
  readonly block: number
}

/** Reads the registry at `address`. Throws {@link RegistryError} `not-a-registry`, and `ChannelError` `chain-failed`. */
export async function readRegistry(client: ChainClient, address: Address): Promise<RegistryView> {
  const { state, code, data, timestampt, blockId } = await getAccount(client, address)
  if (state !== 'active' || !code || !data)
    throw new RegistryError('not-a-registry', `no registry is deployed at ${address}${state === 'frozen' ? ': the account is frozen' : ''}`)
  return { state: parseRegistry(code, data), seenAt: timestampt, block: blockId.seqno }
}
