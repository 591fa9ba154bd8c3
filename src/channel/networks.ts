/** The chains that a channel can live on, and what a payer accepts there. */
import { DEV_GLOBAL_ID } from '../lib/dev-global-id.ts'

/** One chain. Times in seconds. */
export interface Network {
  readonly name: NetworkName
  /** Part of everything that is signed, so that no signature holds on another chain. */
  readonly globalId: number
  /** Whether addresses are written as those of a test network, which wallets of mainnet refuse. */
  readonly testOnly: boolean
  /** Long enough to notice an unfair close, short enough to get the rest back. */
  readonly challengePeriod: { readonly least: number; readonly most: number }
  /** How far ahead the address may stay open for its first deposit. */
  readonly openWithin: number
}

export const networkNames = ['mainnet', 'testnet', 'dev'] as const
export type NetworkName = (typeof networkNames)[number]

const day = 86_400
const real = { challengePeriod: { least: day, most: 7 * day }, openWithin: 2 * day }

export const networks: Readonly<Record<NetworkName, Network>> = {
  mainnet: { name: 'mainnet', globalId: -239, testOnly: false, ...real },
  testnet: { name: 'testnet', globalId: -3, testOnly: true, ...real },
  // The development mode closes within a minute.
  dev: { name: 'dev', globalId: DEV_GLOBAL_ID, testOnly: true, challengePeriod: { least: 1, most: 30 * day }, openWithin: 2 * day },
}
