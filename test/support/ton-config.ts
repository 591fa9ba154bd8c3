/** The development chain's configuration, under a global id of the tests' own. */
import type { Cell } from '@ton/core'
import { devChainConfig } from '../../src/dev-chain/index.ts'

/** The global id of the tests' chain. */
export const testChain = 0x54455354

/** The whole configuration cell, with `globalId` as parameter 19. */
export function mainnetPrices(globalId = testChain): Cell {
  return devChainConfig(globalId)
}
