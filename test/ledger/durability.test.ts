/** What survives a kill, who may open the file, and what an opened file must prove. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { openLedger } from '../../src/ledger/index.ts'
import { SqliteStore } from '../../src/ledger/sqlite.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { channel, fund, hold, postOf, startMs, temporaryFile } from './support/books.ts'
import { inlineStore } from './support/stores.ts'

const script = fileURLToPath(new URL('./support/posting-process.ts', import.meta.url))
const clock = new ManualClock(startMs)
const reopen = (file: string) => openLedger({ file, clock })

/** Starts a process that posts, and kills it once it has acknowledged `acknowledged` posts; returns all it acknowledged. */
async function postUntilKilled(file: string, prefix: string, acknowledged: number): Promise<string[]> {
  const child = spawn(process.execPath, [script, file, prefix], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = once(child, 'close')
  const rids: string[] = []
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line !== 'ready') rids.push(line)
    if (rids.length >= acknowledged) child.kill('SIGKILL')
  }
  expect((await ended)[1]).toBe('SIGKILL')
  return rids
}

function rows(file: string, sql: string): Record<string, unknown>[] {
  const db = new DatabaseSync(file)
  try {
    return db.prepare(sql).all()
  } finally {
    db.close()
  }
}

describe('a process that is killed while it posts', () => {
  test('loses no acknowledged post, posts none twice, and leaves nothing reserved', async () => {
    const file = temporaryFile()
    const acknowledged: string[] = []
    for (const [round, moment] of fc.sample(fc.integer({ min: 0, max: 400 }), 4).entries()) {
      acknowledged.push(...(await postUntilKilled(file, `round-${round}`, moment)))
      const ledger = await reopen(file)
      for (const rid of acknowledged) expect((await ledger.receipt(rid))?.receipt.toString()).toBe(`receipt of ${rid}`)
      const { spent, reserved, available } = ledger.account(channel)!
      expect(reserved).toBe(0n)
      expect(available).toBe(1_000_000_000n - spent)
      expect(ledger.claimable(channel)!.spent).toBe(spent)
      await ledger.close()

      const entries = rows(file, 'SELECT rid FROM statement').map(({ rid }) => rid as string)
      expect(new Set(entries).size).toBe(entries.length)
      expect(spent).toBe(7n * BigInt(entries.length))
      expect(new Set(acknowledged).difference(new Set(entries)).size).toBe(0)
      const [open] = rows(file, "SELECT COUNT(*) AS count FROM transfer WHERE rid LIKE 'open-%' AND kind = 'reserve'")
      const [voided] = rows(file, "SELECT COUNT(*) AS count FROM transfer WHERE rid LIKE 'open-%' AND kind = 'void'")
      expect(voided).toEqual(open)
    }
  })
})

describe('a file that is open already', () => {
  const refused = { name: 'LedgerError', code: 'locked', message: expect.stringMatching(/another process has .*ledger\.db open/) }

  test('is refused to a second opener in the same process, and free once the first has closed', async () => {
    const file = temporaryFile()
    const first = await reopen(file)
    await expect(reopen(file)).rejects.toMatchObject(refused)
    await first.close()
    await (await reopen(file)).close()
  })

  test('is refused while another process has it, whose work goes on', async () => {
    const file = temporaryFile()
    const child: ChildProcess = spawn(process.execPath, [script, file, 'first'], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
    expect((await lines.next()).value).toBe('ready')
    await expect(reopen(file)).rejects.toMatchObject(refused)
    expect((await lines.next()).value).toMatch(/^first-/)
  })
})

describe('a store that contradicts itself', () => {
  let file: string
  beforeEach(async () => {
    file = temporaryFile()
    const ledger = await openLedger({ file, clock, store: inlineStore(file) })
    await fund(ledger, 100)
    await fund(ledger, 100, { channel: 'EQother' })
    for (const rid of ['a', 'b', 'c']) {
      hold(ledger, rid, 20)
      await ledger.post(postOf(rid, 10))
    }
    hold(ledger, 'd', 20, { channel: 'EQother' })
    await ledger.post(postOf('d', 10))
    await ledger.close()
  })

  test('is none where nothing was touched', async () => {
    const ledger = await reopen(file)
    expect(ledger.account(channel)!.spent).toBe(30n)
    await ledger.close()
  })

  test.each([
    ['a cost in the statement changed', "UPDATE statement SET cost = 9 WHERE rid = 'b'", /disagree|entry 2 of EQchannel was changed/],
    ['a request id changed', "UPDATE statement SET rid = 'x' WHERE rid = 'b'", /entry 2 of EQchannel was changed/],
    ['a receipt hash changed', "UPDATE statement SET receipt_hash = zeroblob(32) WHERE rid = 'a'", /entry 1 of EQchannel was changed/],
    ['a sum changed', "UPDATE statement SET spent = 21 WHERE rid = 'b'", /entry 2 of EQchannel was changed/],
    ['a hash changed', "UPDATE statement SET hash = zeroblob(32) WHERE rid = 'c'", /entry 3 of EQchannel was changed/],
    ['a link changed', "UPDATE statement SET prev = zeroblob(32) WHERE rid = 'b'", /entry 2 of EQchannel does not follow/],
    ['the first entry is missing', "DELETE FROM statement WHERE rid = 'a'", /entry 2 of EQchannel does not follow/],
    ['an entry in between is missing', "DELETE FROM statement WHERE rid = 'b'", /entry 3 of EQchannel does not follow/],
    ['the last entry is missing', "DELETE FROM statement WHERE rid = 'c'", /transfers and statement of EQchannel disagree/],
    ['an entry moved to another channel', "UPDATE statement SET channel = 'EQother', seq = 2 WHERE rid = 'c'", /entry 2 of EQother/],
    ['a posted transfer changed', "UPDATE transfer SET amount = 11 WHERE rid = 'b' AND kind = 'post'", /of EQchannel disagree/],
    ['a posted transfer is missing', "DELETE FROM transfer WHERE rid = 'b' AND kind = 'post'", /of EQchannel disagree/],
    ['a freed amount changed', "UPDATE transfer SET amount = 9 WHERE rid = 'b' AND kind = 'void'", /reservations of EQchannel/],
    ['a reservation is missing', "DELETE FROM transfer WHERE rid = 'd' AND kind = 'reserve'", /reservations of EQother/],
    ['a receipt is missing', "DELETE FROM receipt WHERE rid = 'b'", /receipt of entry 2 of EQchannel/],
    ['what a receipt was charged changed', "UPDATE receipt SET cost = 9 WHERE rid = 'b'", /receipt of entry 2 of EQchannel/],
    ['a receipt moved to another channel', "UPDATE receipt SET channel = 'EQother' WHERE rid = 'b'", /receipt of entry 2 of EQchannel/],
    ['the bytes of a receipt changed', "UPDATE receipt SET payload = x'00' WHERE rid = 'b'", /receipt of entry 2 of EQchannel/],
    ['a channel is missing', 'DELETE FROM channel', /a channel EQ.* that was never opened/],
    ['an amount is not one', "UPDATE statement SET spent = 'much' WHERE rid = 'a'", /an amount is missing/],
    ['it is of a newer version', 'PRAGMA user_version = 99', /newer version \(schema 99\)/],
  ])('is refused by name, where %s', async (_, sql, message) => {
    const db = new DatabaseSync(file)
    db.exec(sql)
    db.close()
    await expect(reopen(file)).rejects.toMatchObject({ code: 'corrupt', message: expect.stringMatching(message) })
    // Refused, not repaired: nothing was changed, and nothing keeps the file.
    await expect(reopen(file)).rejects.toMatchObject({ code: 'corrupt', message: expect.stringMatching(message) })
  })

  test('is refused where it is no database, and left as it is', async () => {
    const noise = Buffer.alloc(8_192, 'no database ')
    writeFileSync(file, noise)
    await expect(reopen(file)).rejects.toMatchObject({ code: 'corrupt' })
    expect(readFileSync(file).equals(noise)).toBe(true)
  })
})

describe('every commit', () => {
  afterEach(() => vi.restoreAllMocks())

  test('is synced: WAL with synchronous FULL', () => {
    const exec = vi.spyOn(DatabaseSync.prototype, 'exec')
    const store = new SqliteStore(temporaryFile())
    const db = exec.mock.contexts[0] as DatabaseSync
    expect(db.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 })
    expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
    expect(db.prepare('PRAGMA locking_mode').get()).toEqual({ locking_mode: 'exclusive' })
    store.close()
  })

  test.each([
    ['syncs less', /synchronous = FULL/, 'synchronous = NORMAL'],
    ['keeps no write-ahead log', /journal_mode = WAL/, 'journal_mode = DELETE'],
  ])('is worth nothing in a store that %s, so it is refused', (_, wanted, instead) => {
    const exec = DatabaseSync.prototype.exec
    vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, sql: string) {
      exec.call(this, sql.replace(wanted, instead))
    })
    expect(() => new SqliteStore(temporaryFile())).toThrow(expect.objectContaining({ code: 'not-durable' }))
  })

  test('that the disk has no room for is undone whole, and named', () => {
    const exec = vi.spyOn(DatabaseSync.prototype, 'exec')
    const store = new SqliteStore(temporaryFile())
    const db = exec.mock.contexts[0] as DatabaseSync
    db.exec('PRAGMA max_page_count = 60')
    const evidence = (digest: string, size: number) => ['evidence', digest, Buffer.alloc(size), Buffer.alloc(1), 0] as const
    const receipt = (rid: string) => ['receipt', rid, 'EQa', Buffer.alloc(1), 0n, 'm', 'w', rid, '{}', 'stop', 0, null] as const
    store.apply([evidence('a', 10), receipt('a'), receipt('b')])
    expect(() => store.apply([evidence('b', 10), evidence('c', 1_000_000)])).toThrow(/full/)
    expect(store.all('evidence', ['a', 'EQa'])).toHaveLength(1)
    expect(store.all('evidence', ['b', 'EQa'])).toEqual([])
    store.apply([evidence('b', 10)])
    store.close()
  })

  test('is refused in memory', async () => {
    await expect(reopen(':memory:')).rejects.toMatchObject({ code: 'not-durable' })
  })
})
