/** The statement: one hash stands for a channel's whole history, as anybody can check from the entries alone. */
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { emptyRoot, entryHash, openLedger, type StatementEntry } from '../../src/ledger/index.ts'
import { sha256, utf8 } from '../../src/lib/bytes.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { channel, fund, hold, postOf, startMs, temporaryFile } from './support/books.ts'
import { inlineStore } from './support/stores.ts'

const entry: StatementEntry = { seq: 1, rid: 'rid-1', receiptHash: Buffer.alloc(32, 1), cost: 5n, spent: 5n, prev: emptyRoot }

/** The root that entries lead to, computed as the spec says; undefined where they are no chain. */
function rootOf(entries: readonly StatementEntry[]): Buffer | undefined {
  let root = emptyRoot
  let spent = 0n
  for (const [index, each] of entries.entries()) {
    if (each.seq !== index + 1 || !root.equals(each.prev) || each.spent !== spent + each.cost) return undefined
    root = entryHash(each)
    spent = each.spent
  }
  return root
}

const chains = fc
  .array(fc.record({ rid: fc.string(), receipt: fc.uint8Array(), cost: fc.bigInt(0n, 1n << 50n) }), { minLength: 1, maxLength: 12 })
  .map(posts => {
    const entries: StatementEntry[] = []
    for (const { rid, receipt, cost } of posts) {
      const last = entries.at(-1)
      const prev = last ? entryHash(last) : emptyRoot
      entries.push({ seq: entries.length + 1, rid, receiptHash: sha256(receipt), cost, spent: (last?.spent ?? 0n) + cost, prev })
    }
    return entries
  })

test('the hash of an entry is that of its form in the spec', () => {
  const json = `{"seq":1,"rid":"rid-1","receipt":"${'01'.repeat(32)}","cost":"5","spent":"5","prev":"${'00'.repeat(32)}"}`
  expect(entryHash(entry)).toEqual(sha256(utf8(`chrysalis statement v1${json}`)))
  expect(emptyRoot).toEqual(Buffer.alloc(32))
})

test.each([
  ['seq', { seq: 2 }],
  ['rid', { rid: 'rid-2' }],
  ['receipt hash', { receiptHash: Buffer.alloc(32, 2) }],
  ['cost', { cost: 6n }],
  ['spent', { spent: 6n }],
  ['prev', { prev: Buffer.alloc(32, 1) }],
] satisfies [string, Partial<StatementEntry>][])('another %s is another hash', (_, change) => {
  expect(entryHash({ ...entry, ...change }).equals(entryHash(entry))).toBe(false)
})

test('no two entries share a hash because their texts run into each other', () => {
  const quoted = entryHash({ ...entry, rid: 'a","receipt":"' })
  expect(quoted.equals(entryHash({ ...entry, rid: 'a' }))).toBe(false)
})

test('any history verifies, and with any of its entries changed, dropped or exchanged it leads elsewhere', () => {
  fc.assert(
    fc.property(chains, fc.nat(), fc.bigInt(1n, 1000n), (entries, where, more) => {
      const root = rootOf(entries)!
      const at = where % entries.length
      const elsewhere = (changed: StatementEntry[]) => rootOf(changed)?.equals(root) !== true
      expect(root).toEqual(entryHash(entries.at(-1)!))
      expect(elsewhere(entries.with(at, { ...entries[at]!, cost: entries[at]!.cost + more }))).toBe(true)
      expect(elsewhere(entries.with(at, { ...entries[at]!, rid: `${entries[at]!.rid}x` }))).toBe(true)
      expect(elsewhere(entries.toSpliced(at, 1))).toBe(true)
      if (entries.length > 1) expect(elsewhere(entries.toReversed())).toBe(true)
    }),
  )
})

test("a ledger's claimable root is the end of the chain in its file, for each channel its own", async () => {
  const file = temporaryFile()
  const ledger = await openLedger({ file, clock: new ManualClock(startMs), store: inlineStore(file) })
  await fund(ledger, 100)
  await fund(ledger, 100, { channel: 'EQother' })
  expect(ledger.claimable(channel)).toMatchObject({ spent: 0n, root: emptyRoot })
  for (const [rid, on] of [
    ['a', channel],
    ['b', 'EQother'],
    ['c', channel],
  ] as const) {
    hold(ledger, rid, 20, { channel: on })
    await ledger.post(postOf(rid, 7))
  }
  const claims = [channel, 'EQother'].map(address => ledger.claimable(address)!)
  await ledger.close()

  const db = new DatabaseSync(file)
  for (const [index, address] of [channel, 'EQother'].entries()) {
    const rows = db.prepare('SELECT seq, rid, receipt_hash, cost, spent, prev FROM statement WHERE channel = ? ORDER BY seq').all(address)
    const entries = rows.map(row => ({
      seq: row.seq as number,
      rid: row.rid as string,
      receiptHash: row.receipt_hash as Uint8Array,
      cost: BigInt(row.cost as number),
      spent: BigInt(row.spent as number),
      prev: row.prev as Uint8Array,
    }))
    expect(entries.map(({ receiptHash }) => Buffer.from(receiptHash))).toEqual(entries.map(({ rid }) => sha256(utf8(`receipt of ${rid}`))))
    expect(claims[index]!.root).toEqual(rootOf(entries))
    expect(claims[index]!.spent).toBe(entries.at(-1)!.spent)
  }
  db.close()
})
