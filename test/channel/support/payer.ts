/** A payer in a test: a folder of its own, a wallet on a development chain, a proxy's desk, time that only a test moves. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { openChain } from '../../../src/channel/chain.ts'
import type { NetworkName } from '../../../src/channel/networks.ts'
import { open } from '../../../src/channel/open.ts'
import type { Outcome, World } from '../../../src/channel/world.ts'
import type { Clock } from '../../../src/lib/clock.ts'
import { nanoton } from '../../../src/lib/nanoton.ts'
import { World as ChainWorld } from '../../dev-chain/world.ts'
import { DeskDouble } from './desk-double.ts'

export const ton = (amount: number) => nanoton(BigInt(Math.round(amount * 1e9)))

export class Payer {
  readonly folder = mkdtempSync(join(tmpdir(), 'chrysalis-payer-'))
  readonly file = join(this.folder, 'channel.json')
  readonly keyFile = join(this.folder, 'payer.key')
  readonly walletFile = join(this.folder, 'wallet.key')
  readonly notes: string[] = []
  readonly chain: ChainWorld
  readonly desk: DeskDouble
  env: Record<string, string | undefined> = {}
  /** How many sleep; while nobody does, somebody waits for a real answer, and time stands still. */
  #asleep = 0

  private constructor(chain: ChainWorld) {
    this.chain = chain
    this.desk = new DeskDouble(() => Math.floor(chain.clock.now() / 1000))
    writeFileSync(this.walletFile, `${Buffer.alloc(32, 7).toString('hex')}\n`, { mode: 0o600 })
  }

  /** A payer whose wallet holds 100 TON. */
  static async create(): Promise<Payer> {
    const chain = await new ChainWorld().open({ blockIntervalMs: 400 })
    await chain.fund()
    return new Payer(chain)
  }

  async close(): Promise<void> {
    await this.chain.close()
    rmSync(this.folder, { recursive: true })
  }

  get world(): World {
    const { clock } = this
    return {
      fetch: this.desk.fetch,
      clock,
      env: this.env,
      openChain: (urls, network) => openChain(urls, network, clock),
      note: line => void this.notes.push(line),
    }
  }

  /** The chain's clock, which knows of those who sleep by it. */
  get clock(): Clock {
    const { clock } = this.chain
    return {
      now: () => clock.now(),
      after: (delayMs, action) => {
        this.#asleep++
        return clock.after(delayMs, () => {
          this.#asleep--
          action()
        })
      },
    }
  }

  /** What a command comes to, with time passing as it sleeps. */
  async run<T>(command: (world: World) => Promise<T>): Promise<T> {
    let done = false
    const work = command(this.world).finally(() => {
      done = true
    })
    work.catch(() => {})
    while (!done) {
      if (this.#asleep > 0) await this.chain.clock.advance(200)
      await setImmediate()
    }
    return work
  }

  /** The code of what it throws. */
  async failure(command: (world: World) => Promise<unknown>): Promise<{ code: string; message: string }> {
    try {
      await this.run(command)
    } catch (error) {
      const { code = '', message } = error as { code?: string; message: string }
      return { code, message }
    }
    throw new Error('it did not fail')
  }

  openFlags(more: Partial<Parameters<typeof open>[0]> = {}): Parameters<typeof open>[0] {
    return {
      file: this.file,
      proxy: 'http://proxy.example/v1',
      chain: [this.chain.chain.url],
      network: 'dev' satisfies NetworkName,
      key: this.keyFile,
      wallet: this.walletFile,
      amount: ton(2),
      trust: { trustOperator: true },
      wait: true,
      timeoutMs: 600_000,
      ...more,
    }
  }

  /** A channel with two TON in it. */
  opened(): Promise<Outcome> {
    return this.run(world => open(this.openFlags(), world))
  }

  account(): Record<string, unknown> {
    return JSON.parse(readFileSync(this.file, 'utf8')) as Record<string, unknown>
  }

  saveAccount(account: unknown): void {
    writeFileSync(this.file, typeof account === 'string' ? account : JSON.stringify(account))
  }
}
