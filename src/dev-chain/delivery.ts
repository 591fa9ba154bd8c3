/**
 * When messages between accounts arrive. By default at once, in the block of the transaction that sent them; a test of asynchrony
 * holds them back for some blocks and lets them overtake each other, seeded, so that the same run happens again.
 *
 * Kept in every setting, as on the real chain: messages from one account to one other arrive in the order they were sent.
 */

/** How messages travel. */
export interface Delivery {
  /** Blocks that a message waits, at least and at most; 0 is the block that sent it. */
  readonly minBlocks: number
  readonly maxBlocks: number
  /** Messages that are due in one block run in random order. */
  readonly shuffle: boolean
  /** Whether external messages wait too; else they run as they come. */
  readonly externals: boolean
}

export const instantDelivery: Delivery = { minBlocks: 0, maxBlocks: 0, shuffle: false, externals: false }

/** A message on its way. */
export interface Waiting {
  /** The block in which it arrives. */
  readonly due: number
  /** Raw form; empty for an external message. */
  readonly source: string
  readonly destination: string
  /** BOC, base64. */
  readonly boc: string
}

/** Seeded random numbers (mulberry32). The state is one integer, kept with the chain. */
export class Random {
  state: number

  constructor(seed: number) {
    this.state = seed >>> 0
  }

  /** From 0, inclusive, to 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let mixed = this.state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `least` to `most`. */
  whole(least: number, most: number): number {
    return least === most ? least : least + Math.floor(this.next() * (most - least + 1))
  }
}

/** The block in which a message sent in block `seqno` arrives: never before one that went the same way earlier. */
export function dueBlock(
  { minBlocks, maxBlocks }: Delivery,
  random: Random,
  seqno: number,
  way: Pick<Waiting, 'source' | 'destination'>,
  underWay: readonly Waiting[],
): number {
  const before = underWay.reduce((latest, other) => (sameWay(other, way) ? Math.max(latest, other.due) : latest), 0)
  return Math.max(seqno + random.whole(minBlocks, maxBlocks), before)
}

/** Takes the next message out of `ready`. */
export function takeNext({ shuffle }: Delivery, random: Random, ready: Waiting[]): Waiting | undefined {
  if (!shuffle || ready.length < 2) return ready.shift()
  const free = ready.filter((message, at) => !ready.slice(0, at).some(earlier => sameWay(earlier, message)))
  const taken = free[random.whole(0, free.length - 1)]
  return taken && ready.splice(ready.indexOf(taken), 1)[0]
}

function sameWay(a: Pick<Waiting, 'source' | 'destination'>, b: Pick<Waiting, 'source' | 'destination'>): boolean {
  return a.source !== '' && a.source === b.source && a.destination === b.destination
}
