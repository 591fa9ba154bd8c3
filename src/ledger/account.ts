/**
 * The money of one channel, as a pure state machine: account in, account out, no I/O and no clock.
 *
 * A request moves money in two phases. `reserve` sets the worst case aside; `post` turns part of it into spending and frees
 * the rest; `release` frees all of it. At every moment 0 <= reserved, 0 <= available and spent + reserved <= min(ceiling,
 * deposited), unless the chain itself has shown less than it did before.
 */
import { add, larger, type Nanoton, smaller, subtract, subtractToZero, zero } from '../lib/nanoton.ts'
import { LedgerError } from './errors.ts'

/** On the chain: 0 new, 1 open, 2 closing, 3 closed. */
export type ChannelStatus = 0 | 1 | 2 | 3

export interface Account {
  readonly channel: string
  readonly status: ChannelStatus
  /** What the payer locked, and what was already paid out of it, as the chain shows it. */
  readonly deposited: Nanoton
  readonly settled: Nanoton
  /** The highest ceiling the payer has signed. */
  readonly ceiling: Nanoton
  /** What was charged in all, and what running requests may still cost. */
  readonly spent: Nanoton
  readonly reserved: Nanoton
  /** Closed by agreement: nothing is ever reserved again, whatever the chain shows. */
  readonly stopped: boolean
}

export function emptyAccount(channel: string): Account {
  return { channel, status: 0, deposited: zero, settled: zero, ceiling: zero, spent: zero, reserved: zero, stopped: false }
}

/** What a new reservation may take: the smaller of ceiling and deposit, less what is spent and reserved; nothing unless the channel is open. */
export function available(account: Account): Nanoton {
  if (account.status !== 1 || account.stopped) return zero
  return subtractToZero(smaller(account.ceiling, account.deposited), add(account.spent, account.reserved))
}

/** Sets `amount` aside. Throws {@link LedgerError} `channel-not-open` or `insufficient-funds`. */
export function reserve(account: Account, amount: Nanoton): Account {
  if (account.status !== 1 || account.stopped) throw new LedgerError('channel-not-open', 'the channel is not open')
  if (amount > available(account)) {
    const { channel, deposited, ceiling, spent, reserved } = account
    throw new LedgerError('insufficient-funds', `${amount} nanoTON do not fit into the ${available(account)} available`, {
      shortfall: { channel, required: amount, deposited, ceiling, spent, reserved },
    })
  }
  return { ...account, reserved: add(account.reserved, amount) }
}

/** Turns `cost` of a reservation of `amount` into spending and frees the rest. Throws {@link LedgerError} `above-reservation`. */
export function post(account: Account, amount: Nanoton, cost: Nanoton): Account {
  if (cost > amount) throw new LedgerError('above-reservation', `a cost of ${cost} nanoTON against a reservation of ${amount}`)
  return { ...account, spent: add(account.spent, cost), reserved: subtract(account.reserved, amount) }
}

/** Frees a reservation whole. */
export function release(account: Account, amount: Nanoton): Account {
  return { ...account, reserved: subtract(account.reserved, amount) }
}

/** Ends all reserving, for good. What is reserved runs to its end. */
export function stop(account: Account): Account {
  return { ...account, stopped: true }
}

/** Raises the ceiling; a lower one changes nothing, for the payer cannot take a signature back. */
export function authorise(account: Account, ceiling: Nanoton): Account {
  return ceiling > account.ceiling ? { ...account, ceiling } : account
}

/** Takes what the chain shows. Status, deposit and settlement only rise there, so a smaller value is an old answer. */
export function noteChain(account: Account, seen: { status: ChannelStatus; deposited: Nanoton; settled: Nanoton }): Account {
  const status = Math.max(seen.status, account.status) as ChannelStatus
  const deposited = larger(seen.deposited, account.deposited)
  const settled = larger(seen.settled, account.settled)
  return { ...account, status, deposited, settled, spent: larger(settled, account.spent) }
}
