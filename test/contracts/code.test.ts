/** The compiled contracts that are committed are what their sources compile to. */
import { Cell } from '@ton/core'
import { expect, it } from 'vitest'
import { compileContract, readCompiled } from '../../scripts/compile-contract.ts'
import { channelCode, channelCodeBoc, channelCodeHash } from '../../src/payment-channel/index.ts'
import { registryCode, registryCodeBoc, registryCodeHash } from '../../src/policy-registry/index.ts'

const contracts = [
  { name: 'channel.tolk', cell: channelCode, boc: channelCodeBoc, hash: channelCodeHash },
  { name: 'registry.tolk', cell: registryCode, boc: registryCodeBoc, hash: registryCodeHash },
] as const

it.each(contracts)('$name compiles to the committed code', async ({ name }) => {
  expect(await compileContract(name)).toEqual(readCompiled(name))
})

it.each(contracts)('the code of $name hashes to the committed hash', ({ name, cell, boc, hash }) => {
  expect(cell.hash().toString('hex')).toBe(readCompiled(name).hash)
  expect(hash).toBe(readCompiled(name).hash)
  expect(Cell.fromBase64(boc).equals(cell)).toBe(true)
})
