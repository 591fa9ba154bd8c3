/** Random histories of a ledger beside a model of a few lines: after every step both say the same. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Ledger, LedgerError, openLedger } from '../../src/ledger/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { n, postOf, startMs } from './support/books.ts'
import { inlineStore } from './support/stores.ts'

interface ModelAccount {
  status: 0 | 1 | 2 | 3
  deposited: bigint
  settled: bigint
  authorised: bigint
  spent: bigint
  reserved: bigint
  stopped: boolean
}

interface Model {
  readonly accounts: Map<string, ModelAccount>
  readonly open: Map<string, { channel: string; amount: bigint; expiresAt: number }>
  readonly posts: Map<string, { channel: string; cost: bigint }>
}

/** A ledger that can be closed and opened again on the same file. */
interface Real {
  ledger: Ledger
  readonly clock: ManualClock
  reopen(): Promise<void>
}

const largest = (a: bigint, b: bigint) => (a > b ? a : b)
const smallest = (a: bigint, b: bigint) => (a < b ? a : b)

function available({ status, stopped, authorised, deposited, spent, reserved }: ModelAccount): bigint {
  return status === 1 && !stopped ? largest(0n, smallest(authorised, deposited) - spent - reserved) : 0n
}

function free(model: Model, rid: string): void {
  const reservation = model.open.get(rid)
  if (!reservation) return
  model.open.delete(rid)
  model.accounts.get(reservation.channel)!.reserved -= reservation.amount
}

/** The code of what the real ledger throws, `undefined` where it does not. */
async function outcome(action: () => unknown): Promise<string | undefined> {
  try {
    await action()
    return undefined
  } catch (error) {
    if (error instanceof LedgerError) return error.code
    throw error
  }
}

function agree(model: Model, { ledger }: Real): void {
  expect(ledger.channels().length).toBe(model.accounts.size)
  for (const [channel, account] of model.accounts) {
    expect(ledger.account(channel)).toEqual({ channel, ...account, available: available(account) })
    const posts = [...model.posts.values()].filter(post => post.channel === channel).reduce((sum, { cost }) => sum + cost, 0n)
    // The chain may have paid more than was posted here; without that, spending is the sum of the posts.
    expect(account.spent >= largest(posts, account.settled)).toBe(true)
    if (account.settled === 0n) expect(account.spent).toBe(posts)
    expect(account.spent <= largest(account.authorised, account.settled)).toBe(true)
    expect(account.reserved >= 0n).toBe(true)
  }
  expect(ledger.recent(100).length).toBe(Math.min(model.posts.size, 100))
}

type Step = fc.AsyncCommand<Model, Real>
function step(name: string, run: (model: Model, real: Real) => Promise<void>): Step {
  return {
    check: () => true,
    toString: () => name,
    async run(model, real) {
      await run(model, real)
      agree(model, real)
    },
  }
}

const channels = fc.constantFrom('EQa', 'EQb', 'EQc')
const rids = fc.nat(14).map(number => `rid-${number}`)
const money = fc.bigInt(0n, 120n)

const openChannel = channels.map(channel =>
  step(`openChannel(${channel})`, async (model, { ledger }) => {
    await ledger.openChannel({ address: channel, terms: '{}', payerKey: Buffer.alloc(32), payeeKeyId: '' })
    if (!model.accounts.has(channel))
      model.accounts.set(channel, { status: 0, deposited: 0n, settled: 0n, authorised: 0n, spent: 0n, reserved: 0n, stopped: false })
  }),
)

const status = fc.constantFrom<(0 | 1 | 2 | 3)[]>(0, 1, 1, 1, 1, 1, 1, 2, 3)
const noteChain = fc
  .tuple(channels, status, money, fc.oneof({ weight: 4, arbitrary: fc.constant(0n) }, { weight: 1, arbitrary: money }))
  .map(([channel, seen, deposited, paid]) => {
    const settled = smallest(paid, deposited)
    return step(`noteChain(${channel}, ${seen}, ${deposited}, ${settled})`, async (model, { ledger }) => {
      const account = model.accounts.get(channel)
      const code = await outcome(() => ledger.noteChain(channel, { status: seen, deposited: n(deposited), settled: n(settled) }))
      expect(code).toBe(account ? undefined : 'unknown-channel')
      if (!account) return
      account.status = Math.max(account.status, seen) as ModelAccount['status']
      account.deposited = largest(account.deposited, deposited)
      account.settled = largest(account.settled, settled)
      account.spent = largest(account.spent, account.settled)
    })
  })

const authorise = fc.tuple(channels, money).map(([channel, ceiling]) =>
  step(`authorise(${channel}, ${ceiling})`, async (model, { ledger }) => {
    const account = model.accounts.get(channel)
    const code = await outcome(() => ledger.authorise(channel, { ceiling: n(ceiling), signature: Buffer.alloc(64) }))
    expect(code).toBe(account ? undefined : 'unknown-channel')
    if (account) account.authorised = largest(account.authorised, ceiling)
  }),
)

const reserve = fc.tuple(rids, channels, fc.bigInt(0n, 40n), fc.nat(60_000)).map(([rid, channel, amount, lasts]) =>
  step(`reserve(${rid}, ${channel}, ${amount}, ${lasts} ms)`, async (model, { ledger, clock }) => {
    const expiresAt = clock.now() + lasts
    const account = model.accounts.get(channel)
    const expected =
      model.open.has(rid) || model.posts.has(rid)
        ? 'duplicate-rid'
        : !account
          ? 'unknown-channel'
          : account.status !== 1 || account.stopped
            ? 'channel-not-open'
            : amount > available(account)
              ? 'insufficient-funds'
              : undefined
    expect(await outcome(() => ledger.reserve({ rid, channel, amount: n(amount), expiresAt }))).toBe(expected)
    if (expected) return
    model.open.set(rid, { channel, amount, expiresAt })
    account!.reserved += amount
  }),
)

const post = fc.tuple(rids, fc.bigInt(0n, 40n)).map(([rid, cost]) =>
  step(`post(${rid}, ${cost})`, async (model, { ledger }) => {
    const before = model.posts.get(rid)
    const reservation = model.open.get(rid)
    const refused = !reservation ? 'no-reservation' : cost > reservation.amount ? 'above-reservation' : undefined
    const expected = before ? (before.cost === cost ? undefined : 'conflict') : refused
    expect(await outcome(() => ledger.post(postOf(rid, cost)))).toBe(expected)
    if (before || !reservation || expected) return
    free(model, rid)
    model.accounts.get(reservation.channel)!.spent += cost
    model.posts.set(rid, { channel: reservation.channel, cost })
    expect((await ledger.receipt(rid))!.cost).toBe(cost)
  }),
)

const release = rids.map(rid =>
  step(`void(${rid})`, async (model, { ledger }) => {
    ledger.void(rid)
    free(model, rid)
  }),
)

const stop = channels.map(channel =>
  step(`stop(${channel})`, async (model, { ledger }) => {
    const account = model.accounts.get(channel)
    expect(await outcome(() => ledger.stop(channel))).toBe(account ? undefined : 'unknown-channel')
    if (account) account.stopped = true
  }),
)

// Sweeps come every 15 s; a step of 15 s therefore meets exactly one.
const wait = fc.constant(
  step('wait(15 s)', async (model, { clock }) => {
    await clock.advance(15_000)
    for (const [rid, { expiresAt }] of model.open) if (expiresAt <= clock.now()) free(model, rid)
  }),
)

const reopen = fc.constant(
  step('reopen', async (model, real) => {
    const recent = real.ledger.recent(100)
    await real.reopen()
    for (const rid of [...model.open.keys()]) free(model, rid)
    const byId = (a: { rid: string }, b: { rid: string }) => (a.rid < b.rid ? -1 : 1)
    expect(real.ledger.recent(100).sort(byId)).toEqual(recent.sort(byId))
  }),
)

const arbitrarySteps = [
  ...[openChannel, noteChain, noteChain, authorise, authorise, reserve, reserve, reserve, reserve, post, post, post, post],
  ...[release, wait, reopen, fc.boolean().chain(rare => (rare ? stop : wait))],
]

async function start(): Promise<Real & { end(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'chrysalis-model-'))
  const clock = new ManualClock(startMs)
  const open = () => openLedger({ file: '', clock, store: inlineStore(join(folder, 'ledger.db')) })
  const real = {
    clock,
    ledger: await open(),
    async reopen() {
      await real.ledger.close()
      real.ledger = await open()
    },
    async end() {
      await real.ledger.close()
      rmSync(folder, { recursive: true })
    },
  }
  return real
}

/** A life begins with one funded channel: most random prefixes would only meet channels that nobody opened. */
const begin: Step[] = [
  step('begin', async (model, { ledger }) => {
    await ledger.openChannel({ address: 'EQa', terms: '{}', payerKey: Buffer.alloc(32), payeeKeyId: '' })
    ledger.noteChain('EQa', { status: 1, deposited: n(100), settled: n(0) })
    await ledger.authorise('EQa', { ceiling: n(90), signature: Buffer.alloc(64) })
    model.accounts.set('EQa', { status: 1, deposited: 100n, settled: 0n, authorised: 90n, spent: 0n, reserved: 0n, stopped: false })
  }),
]

test('whatever happens in whatever order, the ledger says what the model says, also after it was closed and opened again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(arbitrarySteps, { maxCommands: 60, size: '+1' }), async steps => {
      const real = await start()
      const model: Model = { accounts: new Map(), open: new Map(), posts: new Map() }
      try {
        await fc.asyncModelRun(() => ({ model, real }), [...begin, ...steps, step('reopen', reopenAtTheEnd)])
      } finally {
        await real.end()
      }
    }),
    { numRuns: 40 },
  )
})

async function reopenAtTheEnd(model: Model, real: Real): Promise<void> {
  await real.reopen()
  for (const rid of [...model.open.keys()]) free(model, rid)
}
