/**
 * Claims outside the meter: for each channel a file with both sides' newest word, so that the payee is paid even if the ledger, its
 * keys and this program are gone: `chrysalis channel settle --from-store` needs nothing else. Leave to close is kept here too,
 * so that a ledger out of a back-up, which has forgotten it, never charges such a channel again.
 */
import type { KeyObject } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { Address } from '@ton/core'
import { z } from 'zod'
import type { Ledger, ReleaseRecord } from '../ledger/index.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import type { Logger } from '../lib/logger.ts'
import { type Nanoton, parseNanoton } from '../lib/nanoton.ts'
import { signClaim } from '../payment-channel/index.ts'

const lookMs = 5_000
const longestMs = 60_000

export interface ClaimFilesOptions {
  readonly directory: string
  readonly ledger: Ledger
  /** The chain's global id. */
  readonly chainId: number
  readonly payeeKey: KeyObject
  /** So much more spent is written at once; less, after a minute. */
  readonly threshold: Nanoton
  readonly clock: Clock
  readonly logger: Logger
}

const released = z.object({
  channel: z.string(),
  min_settled: z.string(),
  signature: z.string().regex(/^[0-9a-f]{128}$/),
})

export class ClaimFiles {
  readonly #options: ClaimFilesOptions
  readonly #written = new Map<string, { readonly spent: bigint; readonly at: number }>()
  #timer: Timer | undefined
  #working: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(options: ClaimFilesOptions) {
    this.#options = options
  }

  /** Stops every channel in the ledger that was released, then begins to write. Throws where the folder cannot be read or made. */
  async start(): Promise<void> {
    const { directory, ledger, logger } = this.#options
    await mkdir(join(directory, 'released'), { recursive: true, mode: 0o700 })
    for (const name of await readdir(join(directory, 'released'))) {
      if (!name.endsWith('.json')) continue
      const { channel, min_settled, signature } = released.parse(JSON.parse(await readFile(join(directory, 'released', name), 'utf8')))
      const account = ledger.account(channel)
      if (!account || ledger.releaseOf(channel)) continue
      logger.warn({ channel }, 'the ledger had forgotten that this channel was released: it is stopped again')
      await ledger.stop(channel)
      await ledger.noteRelease(channel, { minSettled: parseNanoton(min_settled), signature: Buffer.from(signature, 'hex') })
    }
    this.#schedule()
  }

  /** Writes what is left, and stops. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#working
    await this.#write(() => true)
  }

  /** Keeps leave to close before it is given. */
  async keepRelease(channel: string, { minSettled, signature }: ReleaseRecord): Promise<void> {
    const record = { channel, min_settled: minSettled.toString(), signature: Buffer.from(signature).toString('hex') }
    await this.#save(join(this.#options.directory, 'released', nameOf(channel)), record)
  }

  #schedule(): void {
    if (this.#stopped) return
    const { clock, threshold } = this.#options
    this.#timer = clock.after(lookMs, () => {
      this.#working = this.#write(({ grown, age }) => grown >= threshold || age >= longestMs).then(() => this.#schedule())
    })
  }

  /** Never throws: what could not be written is tried again. */
  async #write(worth: (due: { grown: bigint; age: number }) => boolean): Promise<void> {
    const { ledger, clock, logger } = this.#options
    for (const { address } of ledger.channels()) {
      const claimable = ledger.claimable(address)
      if (!claimable?.authorisation) continue
      const { spent, at } = this.#written.get(address) ?? { spent: 0n, at: 0 }
      if (claimable.spent <= spent || !worth({ grown: claimable.spent - spent, age: clock.now() - at })) continue
      try {
        await this.#writeClaim(address, { ...claimable, authorisation: claimable.authorisation })
        this.#written.set(address, { spent: claimable.spent, at: clock.now() })
      } catch (error) {
        logger.error({ channel: address, cause: messageOf(error) }, 'a claim was not written; it is tried again')
      }
    }
  }

  async #writeClaim(
    address: string,
    { spent, root, authorisation }: { spent: Nanoton; root: Buffer; authorisation: { ceiling: Nanoton; signature: Uint8Array } },
  ): Promise<void> {
    const { directory, chainId, payeeKey, ledger } = this.#options
    const signature = signClaim(payeeKey, { chain: chainId, channel: Address.parse(address), amount: spent, root })
    await ledger.noteClaim(address, { amount: spent, root, claimSignature: signature })
    await this.#save(join(directory, nameOf(address)), {
      chain: chainId,
      channel: address,
      authorization: { ceiling: authorisation.ceiling.toString(), signature: Buffer.from(authorisation.signature).toString('hex') },
      claim: { amount: spent.toString(), root: root.toString('hex'), signature: signature.toString('hex') },
    })
  }

  /** The whole file or the one before, whatever happens. */
  async #save(file: string, content: object): Promise<void> {
    const draft = `${file}.new`
    const handle = await open(draft, 'w', 0o600)
    try {
      await handle.writeFile(`${JSON.stringify(content, undefined, 2)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, file)
  }
}

/** A name that every file system takes: an address has `-` and `_`, and letters of both cases, so that it is written raw. */
function nameOf(channel: string): string {
  return `${Address.parse(channel).hash.toString('hex')}.json`
}
