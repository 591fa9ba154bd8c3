/** What the ledger keeps beside the money: keys, receipts, claims, the last requests. */
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { type Ledger, openLedger } from '../../src/ledger/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { channel, fund, hold, n, postOf, startMs, temporaryFile } from './support/books.ts'
import { inlineStore } from './support/stores.ts'

let clock: ManualClock
let file: string
let ledger: Ledger

const open = async () => {
  ledger = await openLedger({ file, clock, store: inlineStore(file) })
}
const reopen = async () => {
  await ledger.close()
  await open()
}
const view = () => ledger.account(channel)!

beforeEach(async () => {
  clock = new ManualClock(startMs)
  file = temporaryFile()
  await open()
  onTestFinished(() => ledger.close())
})

beforeEach(() => fund(ledger, 100))

test('a key leads to its channel, also after a restart', async () => {
  const record = { hash: 'ab'.repeat(32), channel, label: 'laptop', createdAt: startMs }
  const plain = { hash: 'cd'.repeat(32), channel, createdAt: startMs }
  await ledger.addKey(record)
  await ledger.addKey(plain)
  await reopen()
  expect(ledger.findKey(record.hash)).toEqual(record)
  expect(ledger.findKey(plain.hash)).toEqual(plain)
  expect(ledger.findKey('ef'.repeat(32))).toBeUndefined()
})

test('a key is refused for a channel that is not known', async () => {
  await expect(ledger.addKey({ hash: 'ab', channel: 'EQother', createdAt: 0 })).rejects.toMatchObject({ code: 'unknown-channel' })
  expect(ledger.findKey('ab')).toBeUndefined()
})

test('a receipt is there by its id at once, byte for byte, and after a restart', async () => {
  hold(ledger, 'a', 40)
  const durable = ledger.post(postOf('a', 15, { receipt: Buffer.from([0, 255, 1]) }))
  const expected = { receipt: Buffer.from([0, 255, 1]), cost: 15n, channel }
  expect(await ledger.receipt('a')).toEqual(expected)
  await durable
  expect(await ledger.receipt('a')).toEqual(expected)
  await reopen()
  expect(await ledger.receipt('a')).toEqual(expected)
  expect(await ledger.receipt('b')).toBeUndefined()
})

test('the last requests are listed newest first, and the same after a restart', async () => {
  for (const rid of ['c', 'a', 'b']) {
    hold(ledger, rid, 10)
    await ledger.post(postOf(rid, 5, { finish: rid === 'a' ? null : 'length' }))
    await clock.advance(1)
  }
  const before = ledger.recent(10)
  expect(before.map(({ rid }) => rid)).toEqual(['b', 'a', 'c'])
  expect(ledger.recent(2)).toEqual(before.slice(0, 2))
  await reopen()
  expect(ledger.recent(10)).toEqual(before)
})

test('a claim counts as spent after a restart, so that a restored backup charges nothing twice', async () => {
  await ledger.noteClaim(channel, { amount: n(60), root: Buffer.alloc(32, 1), claimSignature: Buffer.alloc(64, 2) })
  await reopen()
  expect(view()).toMatchObject({ spent: 60n, available: 40n })
  hold(ledger, 'a', 10)
  await ledger.post(postOf('a', 10))
  expect(ledger.claimable(channel)!.spent).toBe(70n)
})

test('a channel opened twice stays as it was', async () => {
  await ledger.openChannel({ address: channel, terms: '{"other":1}', payerKey: Buffer.alloc(32), payeeKeyId: '' })
  expect(view()).toMatchObject({ authorised: 100n, deposited: 100n })
  expect(ledger.channels()).toEqual([{ address: channel, status: 1 }])
})
