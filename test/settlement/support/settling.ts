/** A settlement between a ledger and a chain in memory, with one funded channel. */
import pino from 'pino'
import { onTestFinished } from 'vitest'
import { openLedger } from '../../../src/ledger/index.ts'
import { nanoton } from '../../../src/lib/nanoton.ts'
import { Settlement } from '../../../src/settlement/index.ts'
import { postOf, startMs, temporaryFile } from '../../ledger/support/books.ts'
import { inlineStore, SteppedStore } from '../../ledger/support/stores.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { testChain } from '../../support/ton-config.ts'
import { channelOf, FakeChain, payee } from './fake-chain.ts'

export const pollMs = 10_000
export const a = channelOf()
export const b = channelOf({ salt: 8n })

export type Settling = Awaited<ReturnType<typeof settling>>

/** Settles from 100 nanoTON on; channel `a` is known. Not started. */
export async function settling() {
  const clock = new ManualClock(startMs)
  const chain = new FakeChain()
  const file = temporaryFile()
  const store = new SteppedStore(inlineStore(file))
  const ledger = await openLedger({ file, clock, store })
  const logged: Record<string, unknown>[] = []
  const settlement = new Settlement({
    ...{ ledger, chain, clock, pollMs, chainId: testChain, payeeKey: payee.privateKey, threshold: nanoton(100n) },
    logger: pino({ level: 'info', base: null }, { write: (line: string) => void logged.push(JSON.parse(line)) }),
  })
  onTestFinished(async () => {
    await settlement.stop()
    await ledger.close()
  })

  let spends = 0
  const t = {
    ...{ clock, chain, store, ledger, settlement },
    /** What was logged, line by line. */
    logged,
    /** Puts a channel on the chain and into the ledger, with a deposit of 1,000 and a signed ceiling of 900. */
    async know(channel: typeof a): Promise<void> {
      chain.put(channel)
      await ledger.openChannel({ address: channel.name, terms: '{}', payerKey: Buffer.alloc(32), payeeKeyId: '' })
      ledger.noteChain(channel.name, { status: 1, deposited: nanoton(1_000n), settled: nanoton(0n) })
      await ledger.authorise(channel.name, { ceiling: nanoton(900n), signature: channel.authorise(900) })
    },
    reserve(cost: number, channel = a): string {
      const rid = `rid-${++spends}`
      ledger.reserve({ rid, channel: channel.name, amount: nanoton(BigInt(cost)), expiresAt: startMs + 10 ** 9 })
      return rid
    },
    async spend(cost: number, channel = a): Promise<void> {
      await ledger.post(postOf(t.reserve(cost, channel), cost))
    },
    poll: () => clock.advance(pollMs),
    settledOf: (channel = a) => ledger.account(channel.name)!.settled,
    /** The amounts of every call. */
    claims: () => chain.calls.map(orders => orders.map(({ claim }) => claim.amount)),
  }
  await t.know(a)
  return t
}
