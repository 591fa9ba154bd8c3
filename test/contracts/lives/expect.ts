/**
 * From the model's verdict to what the chain must show: the fees that the chain took are put in, and the messages that bring
 * too little gas or leave too little for forwarding are told from those that do not.
 */
import type { Address, Cell } from '@ton/core'
import { beginCell } from '@ton/core'
import type { Delivery, Receipt } from '../machine.ts'
import { judge, type ModelChannel, type Payment, type Told } from '../model.ts'
import { least } from '../model-cells.ts'

/** The most gas that anything on the channel needs; with as much, a message never stops half way. */
const mostGas = 5_750n
/** The forwarding fee of anything a channel sends, in nanoTON, to each workchain. */
const forwardFee = { basechain: 66_667n, masterchain: 1_666_667n }
/** Of one unit of gas in the basechain, in 2^-16 nanoTON. */
const gasPrice = 4_369_067n

export class Divergence extends Error {}

/** The account after a message. */
export interface Expected {
  readonly exitCode: number | undefined
  readonly actionCode: number
  readonly balance: bigint
  readonly out: readonly { readonly to: Address; readonly value: bigint; readonly bounced: boolean; readonly body?: Cell }[]
  readonly model: ModelChannel
  readonly active: boolean
  readonly removed: boolean
}

/** What `delivery` must do to an account with `balance`, given what the chain took in fees. Throws {@link Divergence}. */
export function expectedAfter(
  before: { readonly model: ModelChannel; readonly balance: bigint; readonly active: boolean },
  delivery: Delivery,
  { exitCode, actionCode, fees, out }: Receipt,
): Expected {
  const { value, bounce, bounced, init, from } = delivery
  const { rent, gas, forward, fine } = fees
  const balance = before.balance - rent + value
  // Rent that is due is taken first, also from what the message brings.
  const enough = (least(balance, value) * 65_536n) / gasPrice >= mostGas
  const stays = { exitCode, actionCode: 0, model: before.model, active: before.active || exitCode !== undefined, removed: false }
  const refused = (): Expected => {
    const returned = bounce && !bounced && out.length > 0
    // Too little for its own way back is the one reason to keep it.
    if (bounce && !returned) demand(value - gas < forwardFee.basechain, 'the value of a refused message was kept')
    if (!returned) return { ...stays, balance: balance - gas, out: [] }
    return { ...stays, balance: before.balance - rent, out: [{ to: from, value: value - gas - forward, bounced: true }] }
  }
  if (exitCode === undefined) {
    demand(!enough || (!before.active && !init), 'nothing was computed although there was gas')
    return refused()
  }
  demand(before.active || init !== undefined, 'something was computed without code')
  if (exitCode === -14) {
    demand(!enough, 'more gas was needed than anything should')
    return refused()
  }
  const verdict = judge(before.model, delivery, balance, value)
  if (verdict.next === undefined) return { ...refused(), exitCode: verdict.exit }
  demand(exitCode === 0, `exit code ${exitCode}, expected 0`)
  const { payment, next, removed = false } = verdict
  if (!payment) return { ...stays, exitCode: 0, model: next, balance: balance - gas, out: [] }
  const isNotice = payment.carries.kind === 'notice'
  if (actionCode !== 0) {
    const fee = payment.to.workChain === 0 ? forwardFee.basechain : forwardFee.masterchain
    const needed = isNotice ? fee + 1n : fee
    demand(carried(payment, balance, value) - gas < needed, 'a payment failed although there were coins for it')
    return { ...stays, exitCode: 0, actionCode: 37, balance: balance - gas - fine, out: [] }
  }
  // A notice takes its one nanoTON and its fee from the balance; other payments bear all fees themselves.
  const sent = isNotice ? 1n : carried(payment, balance, value) - gas - forward
  return {
    exitCode: 0,
    actionCode: 0,
    model: next,
    active: !removed,
    removed,
    balance: balance - sent - gas - forward,
    out: [{ to: payment.to, value: sent, bounced: false, body: encoded(payment.event) }],
  }
}

/** What a payment takes out of the account, fees included; for a notice, what there is to take its fees from. */
function carried({ carries }: Payment, balance: bigint, value: bigint): bigint {
  return carries.kind === 'payout' ? carries.payout + value : balance
}

function encoded(event: Told): Cell {
  const tag = { notice: 0x4e4f5431, paid: 0x50414431, refunded: 0x52464431 }[event.type]
  const body = beginCell().storeUint(tag, 32)
  if (event.type !== 'notice') return body.storeCoins(event.settled).endCell()
  return body.storeUint(event.status, 2).storeCoins(event.deposited).storeCoins(event.settled).storeUint(event.closesAt, 32).endCell()
}

/** Throws {@link Divergence} with `what` unless it holds. */
export function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Divergence(what)
}
