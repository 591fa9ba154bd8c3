/**
 * The chain's configuration: the sandbox's own, which still carries the prices of 2025, with mainnet's prices since the vote
 * of April 2026 (a sixth of those), and a global id of nobody else's, so that no signature made here counts anywhere else.
 */
import { Cell, Dictionary, type DictionaryValue } from '@ton/core'
import { defaultConfig, loadConfig, updateConfig } from '@ton/sandbox'
import { DEV_GLOBAL_ID } from '../lib/dev-global-id.ts'

/** Building one takes a tenth of a second. */
const built = new Map<number, Cell>()
let boc: string | undefined

/** The whole configuration cell, with `globalId` as parameter 19. */
export function devChainConfig(globalId = DEV_GLOBAL_ID): Cell {
  const config = built.get(globalId) ?? build(globalId)
  built.set(globalId, config)
  return config
}

/** The development chain's, as a BOC in base64. */
export function devChainConfigBoc(): string {
  boc ??= devChainConfig().toBoc().toString('base64')
  return boc
}

function build(globalId: number): Cell {
  const config = Cell.fromBase64(defaultConfig)
  const old = loadConfig(config)
  type StoragePrices = NonNullable<ReturnType<(typeof old)[18]['anon0']['get']>>
  const value: DictionaryValue<StoragePrices> = {
    serialize: () => {},
    parse: () => {
      throw new Error('written only')
    },
  }
  const storage = Dictionary.empty<number, StoragePrices>(Dictionary.Keys.Uint(32), value)
  storage.set(0, {
    kind: 'StoragePrices',
    utime_since: 0,
    bit_price_ps: 0n,
    _cell_price_ps: 135n,
    mc_bit_price_ps: 1000n,
    mc_cell_price_ps: 500000n,
  })
  return updateConfig(
    config,
    { kind: 'ConfigParam__18', anon0: storage },
    { kind: 'ConfigParam__19', global_id: globalId },
    { kind: 'ConfigParam_config_mc_gas_prices', anon0: sixthOfGas(old[20].anon0) },
    { kind: 'ConfigParam_config_gas_prices', anon0: sixthOfGas(old[21].anon0) },
    { kind: 'ConfigParam_config_mc_fwd_prices', anon0: sixthOfForward(old[24].anon0) },
    { kind: 'ConfigParam_config_fwd_prices', anon0: sixthOfForward(old[25].anon0) },
  )
}

type GasPrices = ReturnType<typeof loadConfig>[21]['anon0']
type ForwardPrices = ReturnType<typeof loadConfig>[25]['anon0']

function sixthOfGas(prices: GasPrices): GasPrices {
  if (prices.kind === 'GasLimitsPrices_gas_flat_pfx')
    return { ...prices, flat_gas_price: sixth(prices.flat_gas_price), other: sixthOfGas(prices.other) }
  return { ...prices, gas_price: sixth(prices.gas_price) }
}

function sixthOfForward(prices: ForwardPrices): ForwardPrices {
  return { ...prices, lump_price: sixth(prices.lump_price), bit_price: sixth(prices.bit_price), _cell_price: sixth(prices._cell_price) }
}

const sixth = (price: bigint) => (price + 3n) / 6n
