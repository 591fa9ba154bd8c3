/**
 * The design's invariants, kept against what the chain did: balances, storage, messages out. What the model would have done
 * is not asked.
 */
import type { Delivery, Receipt } from '../machine.ts'
import type { ModelChannel } from '../model.ts'
import type { Signed } from './forge.ts'
import type { Tally } from './tally.ts'
import type { Newborn } from './world.ts'

export class Broken extends Error {}

/** One message, as the invariants see it. The model stands for the storage: both were just compared, bit by bit. */
export interface Observed {
  readonly before: { readonly model: ModelChannel; readonly balance: bigint }
  readonly after: ModelChannel
  /** The account was removed; `after` is what it would be born as. */
  readonly removed: boolean
  readonly delivery: Delivery
  readonly receipt: Receipt
  readonly balance: bigint
}

// Below the reserve by what the channel's own messages cost it: one notice for each deposit, one for start_close.
const RENT_COVERED = 9_000_000n
const transitions = ['00', '01', '11', '12', '13', '22', '23', '33']

export class Invariants {
  readonly #tally: Tally
  readonly #newborn: Newborn
  #highestCeiling = 0n
  #highestClaim = 0n
  #everOpened = false
  #rentSinceDeposit = 0n
  #settled = 0n
  #attachedBySettlers = 0n
  #into = 0n
  #fees = 0n
  #toPayee = 0n
  #toPayer = 0n
  #returned = 0n

  constructor(newborn: Newborn, tally: Tally) {
    this.#newborn = newborn
    this.#tally = tally
  }

  /** What the parties signed for this channel. Never forgotten, also if the message that carried it was refused. */
  agreed({ ceiling = 0n, claim = 0n }: Signed): void {
    if (ceiling > this.#highestCeiling) this.#highestCeiling = ceiling
    if (claim > this.#highestClaim) this.#highestClaim = claim
  }

  check(observed: Observed): void {
    this.#follow(observed)
    if (!observed.removed) this.#amounts(observed)
    this.#payments(observed)
    const { before, after, receipt, delivery, balance } = observed
    const { model } = this.#newborn
    const sameKeys = after.payerKey.equals(model.payerKey) && after.payeeKey.equals(model.payeeKey)
    this.hold('keys and terms never change', sameKeys && after.terms.equals(model.terms))
    const accepted = receipt.exitCode === 0 && (receipt.actionCode ?? 0) === 0
    if (!accepted || delivery.bounced) {
      this.hold('what is refused changes nothing', !observed.removed && sameState(before.model, after))
      // What cannot be sent for want of coins is fined by the chain, some thousand nanoTON for each of its cells.
      this.hold('what is refused costs the channel nothing', balance >= before.balance - receipt.fees.rent - receipt.fees.fine)
    }
    const gone = this.#fees + this.#toPayee + this.#toPayer + this.#returned
    this.hold('no coin appears or disappears', balance === this.#into - gone)
  }

  #follow({ before, after, removed, delivery, receipt }: Observed): void {
    const { rent, gas, forward, fine } = receipt.fees
    this.#into += delivery.value
    this.#fees += rent + gas + forward + fine
    this.#rentSinceDeposit += rent
    if (removed) return
    if (after.deposited > before.model.deposited) this.#rentSinceDeposit = 0n
    if (after.settled > before.model.settled) {
      this.#settled += after.settled - before.model.settled
      this.#attachedBySettlers += delivery.value
    }
  }

  #amounts({ before: { model }, after: { status, deposited, settled }, balance }: Observed): void {
    this.hold('settled <= highest ceiling', settled <= this.#highestCeiling)
    this.hold('settled <= highest claim', settled <= this.#highestClaim)
    this.hold('settled <= deposited', settled <= deposited)
    this.hold('settled never falls', settled >= model.settled)
    this.hold('deposited never falls', deposited >= model.deposited)
    this.hold('status rises by 0-1-2-3 or 1-3', transitions.includes(`${model.status}${status}`))
    if ((status === 1 || status === 2) && this.#rentSinceDeposit < RENT_COVERED)
      this.hold('balance >= deposited - settled', balance >= deposited - settled)
    if (model.status === 0 && status === 1) {
      this.hold('an address opens once', !this.#everOpened)
      this.#everOpened = true
    }
  }

  #payments({ delivery, receipt }: Observed): void {
    for (const { to, value, bounced } of receipt.out) {
      if (bounced) {
        this.hold('what is refused goes back to its sender', to.equals(delivery.from))
        this.#returned += value
        continue
      }
      const { payer, payee } = this.#newborn
      this.hold(
        'money leaves to payer or payee only',
        [payer, payee].some(party => party?.equals(to)),
      )
      if (payer?.equals(to)) this.#toPayer += value
      else if (value === 1n) this.#fees += value
      else this.#toPayee += value
    }
    this.hold('the payee gets what was settled and what settlers attached', this.#toPayee <= this.#settled + this.#attachedBySettlers)
  }

  /** The payer has gone through the whole close by itself. */
  payerLeft(balance: bigint): void {
    this.hold('the payer alone gets all the rest back', balance === 0n)
    const rest = this.#into - this.#fees - this.#toPayee - this.#returned
    this.hold('the rest is all that the payee and the chain did not get', this.#toPayer === rest)
  }

  hold(name: string, holds: boolean): void {
    this.#tally.invariant(name)
    if (!holds) throw new Broken(`invariant broken: ${name}`)
  }
}

function sameState(a: ModelChannel, b: ModelChannel): boolean {
  return a.status === b.status && a.deposited === b.deposited && a.settled === b.settled && a.closesAt === b.closesAt
}
