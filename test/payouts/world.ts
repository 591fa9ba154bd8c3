/** A proxy that pays and a worker that is paid, over the real routes, with a chain that is a map: each part as a test wants it. */
import { generateKeyPairSync, sign } from 'node:crypto'
import type { Address } from '@ton/core'
import { onTestFinished } from 'vitest'
import { payRoutes } from '../../src/agent/pay-desk.ts'
import { ed25519RawPublicKey } from '../../src/lib/ed25519.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import { type Nanoton, nanoton } from '../../src/lib/nanoton.ts'
import { EarningsBook, markKeyOf, OwingsBook, Payee, Payer, type PayerOptions, type PayOffer } from '../../src/payouts/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { testAddress } from '../support/ton.ts'
import { type ChannelState, channelStatus, type KeyPair, keyPairOf, parseChannelInit, type Transfer } from './support.ts'

export const start = 1_790_000_000_000
export const chain = -217
export const payeeKey = keyPairOf(Buffer.alloc(32, 5))
export const payerKey = keyPairOf(Buffer.alloc(32, 6))
export const ton = (amount: number): Nanoton => nanoton(BigInt(Math.round(amount * 1e9)))

/** The receipt key of the worker's keyset. */
const receipt = generateKeyPairSync('ed25519')
export const receiptKey = ed25519RawPublicKey(receipt.privateKey)

export const offer: PayOffer = {
  worker: 'worker-1',
  chain,
  payee: testAddress('payout'),
  payeeKey: payeeKey.publicKey,
  markKey: markKeyOf(payeeKey.privateKey).publicKey,
  challengePeriod: 3_600,
  minimumDeposit: ton(0.5),
  credit: ton(0.05),
  floor: ton(0.05),
}

/** What a job of one prompt token earns by this price: the price itself. */
export const priceOf = (amount: bigint) => ({ prompt: `${amount * 1_000_000n}`, cached: '0', completion: '0', reasoning: '0' })
export const oneToken = { prompt: 1, cached: 0, completion: 0, reasoning: 0 }
export const rid = (n: number) => Buffer.alloc(16, n).toString('base64url')
export const digest = Buffer.alloc(32, 9)

/** Channels by raw address. A deposit is credited less the reserve, as the contract does. */
export class MapChain {
  readonly channels = new Map<string, ChannelState>()
  readonly sent: Transfer[] = []
  /** Set: reads fail. */
  down = false
  readonly #clock: ManualClock

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  readonly read = async (address: Address): Promise<ChannelState | undefined> => {
    if (this.down) throw new Error('connect ECONNREFUSED')
    return this.channels.get(address.toRawString())
  }

  change(address: Address, change: Partial<ChannelState>): void {
    const key = address.toRawString()
    this.channels.set(key, { ...this.channels.get(key)!, ...change })
  }

  readonly send = async (transfers: readonly Transfer[]): Promise<void> => {
    if (this.down) throw new Error('connect ECONNREFUSED')
    for (const transfer of transfers) this.#apply(transfer)
  }

  #apply(transfer: Transfer): void {
    this.sent.push(transfer)
    const { to, value, init, body } = transfer
    const opcode = body!.beginParse().loadUint(32)
    const key = to.toRawString()
    const before = this.channels.get(key)
    if (opcode === 0x44505431) {
      const identity = before ?? parseChannelInit(init!)
      const deposited = before ? nanoton(before.deposited + value) : nanoton(value - 10_000_000n)
      this.channels.set(key, { ...identity, status: channelStatus.open, deposited })
    } else if (opcode === 0x53434c31)
      this.change(to, { status: channelStatus.closing, closesAt: Math.floor(this.#clock.now() / 1000) + before!.terms.challengePeriod })
    else if (opcode === 0x46434c31) this.change(to, { status: channelStatus.closed })
    else throw new Error(`not expected: ${opcode.toString(16)}`)
  }
}

export function setUpPayee(changes: Partial<PayOffer> = {}) {
  const clock = new ManualClock(start)
  const chainMap = new MapChain(clock)
  const book = new EarningsBook(':memory:', clock)
  onTestFinished(() => book.close())
  const { privateKey: markKey } = markKeyOf(payeeKey.privateKey)
  const open = () => new Payee({ book, offer: { ...offer, ...changes }, markKey, readChannel: chainMap.read, clock })
  return { clock, chain: chainMap, book, open, payee: open() }
}

/** Both ends. What the proxy asks goes through the worker's own routes, unless `intercept` answers in its place. */
export function setUp(changes: { offer?: Partial<PayOffer>; payer?: Partial<PayerOptions> } = {}) {
  const { clock, chain: chainMap, book: earnings, payee: first } = setUpPayee(changes.offer)
  const owings = new OwingsBook(':memory:', clock)
  const world = {
    clock,
    chain: chainMap,
    earnings,
    owings,
    payee: first,
    /** A worker that lost its book, with this key. */
    anew(key: KeyPair): Payee {
      const { publicKey, privateKey: markKey } = markKeyOf(key.privateKey)
      const book = new EarningsBook(':memory:', clock)
      return new Payee({
        book,
        offer: { ...offer, payeeKey: key.publicKey, markKey: publicKey },
        markKey,
        readChannel: chainMap.read,
        clock,
      })
    },
    hasLease: true,
    asked: [] as string[],
    intercept: undefined as ((method: string, path: string, body?: string) => { status: number; text: string } | undefined) | undefined,
  }
  const generation = { receiptKey: { sign: (bytes: Uint8Array) => sign(null, bytes, receipt.privateKey) } }
  const options: PayerOptions = {
    book: owings,
    workers: [
      {
        id: 'worker-1',
        receiptKey: () => (world.hasLease ? receiptKey : undefined),
        async ask(method, path, body) {
          world.asked.push(`${method} ${path.split('?')[0]}`)
          const other = world.intercept?.(method, path, body)
          if (other) return other
          const app = payRoutes({ payee: world.payee, generation: () => generation })
          const response = await app.request(path.replace('/v1/pay', '') || '/', { method, ...(body === undefined ? {} : { body }) })
          return { status: response.status, text: await response.text() }
        },
      },
    ],
    payerKey,
    wallet: { address: testAddress('operator'), send: chainMap.send },
    readChannel: chainMap.read,
    chain,
    deposit: ton(1),
    topUpBelow: ton(0.5),
    longestChallenge: 7 * 86_400,
    pollMs: 30_000,
    clock,
    logger: silentLogger,
    random: size => Buffer.alloc(size, 7),
    ...changes.payer,
  }
  const payer = new Payer(options)
  onTestFinished(() => payer.stop().catch(() => {}))
  payer.start()
  return Object.assign(world, { payer, options })
}

/** Does one job at both ends, as proxy and worker do it; `amount` nanoTON. */
export function work(world: ReturnType<typeof setUp>, id: string, amount: bigint, { finish = 'stop', arrived = true } = {}): void {
  const hold = world.payer.hold('worker-1', nanoton(amount))!
  const begun = world.payee.begin(world.payee.admit(hold.mark(digest)), digest, nanoton(amount))
  begun.end({ rid: id, model: 'm', usage: oneToken, offer: priceOf(amount), finish })
  hold.end({ rid: id, amount: nanoton(arrived ? amount : 0n) })
}
