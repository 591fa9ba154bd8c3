/** The compiled contract that is committed is what its source compiles to. */
import { readFileSync } from 'node:fs'
import { Cell } from '@ton/core'
import { expect, it } from 'vitest'
import { compileContract } from '../../scripts/compile-contract.ts'
import { channelCode, channelCodeBoc, channelCodeHash } from '../../src/payment-channel/index.ts'

const committed = JSON.parse(readFileSync(new URL('../../src/payment-channel/contract/channel.compiled.json', import.meta.url), 'utf8'))

it('the source compiles to the committed code', async () => {
  expect(await compileContract('channel.tolk')).toEqual(committed)
})

it('the code hashes to the committed hash', () => {
  expect(channelCode.hash().toString('hex')).toBe(committed.hash)
  expect(channelCodeHash).toBe(committed.hash)
  expect(Cell.fromBase64(channelCodeBoc).equals(channelCode)).toBe(true)
})
