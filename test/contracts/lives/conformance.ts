/**
 * Does this code behave as the model says? Lives a sequence of steps on the TVM and in the model at once, and compares after
 * each: status, amounts, balance to the nanoTON, exit code, every message sent. Then the invariants. In the end the payer,
 * alone, takes home what is left of each channel.
 */
import { type Address, beginCell, type Cell } from '@ton/core'
import { Account, type Delivery, type Machine, type Receipt } from '../machine.ts'
import type { ModelChannel } from '../model.ts'
import { demand, type Expected, expectedAfter } from './expect.ts'
import { bodyOf } from './forge.ts'
import { Invariants } from './invariants.ts'
import { birth, parties } from './parties.ts'
import type { Step, Wait } from './steps.ts'
import type { Tally } from './tally.ts'
import { type Newborn, storageOf } from './world.ts'

export interface Options {
  readonly machine: Machine
  /** The channels, with the code that is tried. */
  readonly newborns: readonly Newborn[]
  readonly tally: Tally
  /** Gets the TVM's log of each transaction. */
  readonly onLog?: (vmLog: string) => void
}

/** Lives `steps`. Throws `Divergence` where chain and model part, `Broken` where an invariant does not hold. */
export async function live(steps: readonly Step[], options: Options): Promise<void> {
  const lives = new Map<number, Life>()
  const history: Cell[] = []
  let now = birth
  for (const step of steps) {
    const life = lives.get(step.channel) ?? new Life(options.newborns[step.channel]!, options)
    lives.set(step.channel, life)
    now = Math.max(now, whenOf(step.wait, step.entropy, now, life.model))
    await life.take(step, now, history)
  }
  for (const life of lives.values()) now = await life.payerLeaves(now)
}

function whenOf(wait: Wait, entropy: number, now: number, { closesAt, terms }: ModelChannel): number {
  const openUntil = openUntilOf(terms)
  switch (wait) {
    case 'none':
      return now
    case 'second':
      return now + 1
    case 'while':
      return now + (entropy % 4_000)
    case 'beforeOpenUntil':
      return openUntil - 1
    case 'toOpenUntil':
      return openUntil
    case 'pastOpenUntil':
      return openUntil + 1
    case 'beforeClosesAt':
      return closesAt - 1
    case 'toClosesAt':
      return closesAt
    case 'year':
      // Not much further: an account with nothing on it freezes when it owes too much.
      return Math.min(now + 31_536_000 * (1 + (entropy % 8)), birth + 12 * 31_536_000)
  }
}

function openUntilOf(terms: Cell): number {
  const { length } = terms.bits
  return length < 96 || terms.isExotic
    ? 0
    : terms
        .beginParse()
        .skip(length - 96)
        .loadUint(32)
}

class Life {
  model: ModelChannel
  readonly #newborn: Newborn
  readonly #account: Account
  readonly #options: Options
  readonly #invariants: Invariants
  #active = false

  constructor(newborn: Newborn, options: Options) {
    const { chain, address } = newborn.model
    this.model = newborn.model
    this.#newborn = newborn
    this.#options = options
    this.#account = new Account(options.machine, address, { chain, logged: options.onLog !== undefined })
    this.#invariants = new Invariants(newborn, options.tally)
  }

  async take(step: Step, now: number, history: Cell[]): Promise<void> {
    const { op, bounce, entropy } = step
    this.#options.tally.step()
    const replayed = op === 'replay' ? history[entropy % Math.max(1, history.length)] : undefined
    const { body, signed } = replayed ? { body: replayed, signed: {} } : bodyOf(step, this.model, this.#newborn.torsion)
    if (op === 'settle' || op === 'closeReleased') history.push(body)
    this.#invariants.agreed(signed)
    if (op === 'external') {
      if (this.#active) demand(!(await this.#account.acceptsExternal(body, now)), 'a message from outside was accepted')
      return
    }
    const bounced = op === 'bounced'
    await this.#deliver(op, {
      from: senderOf(step),
      value: this.#valueOf(step),
      body,
      bounce: bounce && !bounced && op !== 'transfer',
      bounced,
      now,
      ...(!this.#active && step.init && op !== 'transfer' && { init: this.#newborn.init }),
    })
  }

  /** start_close, wait, finish_close: whatever happened before, the payer needs nobody else. Returns the time at its end. */
  async payerLeaves(time: number): Promise<number> {
    const nothingThere = this.#account.balance === 0n && (!this.#active || this.model.status === 3)
    if (nothingThere || !this.#newborn.payer) return time
    if (this.model.status === 1) await this.#leave(0x53434c31, time)
    const now = whenOf(this.model.status === 2 ? 'toClosesAt' : 'pastOpenUntil', 0, time, this.model)
    await this.#leave(0x46434c31, Math.max(time, now))
    this.#invariants.payerLeft(this.#account.balance)
    return Math.max(time, now)
  }

  async #leave(opcode: number, now: number): Promise<void> {
    const body = beginCell().storeUint(opcode, 32).storeUint(0, 64).endCell()
    const init = !this.#active && { init: this.#newborn.init }
    await this.#deliver('leave', { from: parties.payer, value: 50_000_000n, body, bounce: true, bounced: false, now, ...init })
  }

  async #deliver(op: string, delivery: Delivery): Promise<void> {
    const before = { model: this.model, balance: this.#account.balance, active: this.#active }
    const receipt = await this.#account.deliver(delivery)
    this.#options.onLog?.(receipt.vmLog)
    this.#options.tally.message(op, receipt)
    const expected = expectedAfter(before, delivery, receipt)
    this.#compare(expected, receipt)
    const { removed } = expected
    this.model = removed ? this.#newborn.model : expected.model
    this.#active = expected.active
    this.#invariants.check({ before, after: this.model, removed, delivery, receipt, balance: this.#account.balance })
  }

  #compare(expected: Expected, { exitCode, actionCode = 0, out }: Receipt): void {
    demand(exitCode === expected.exitCode, `exit code ${exitCode}, expected ${expected.exitCode}`)
    demand(actionCode === expected.actionCode, `action code ${actionCode}, expected ${expected.actionCode}`)
    demand(out.length === expected.out.length, `${out.length} messages sent, expected ${expected.out.length}`)
    for (const [index, wanted] of expected.out.entries()) {
      const sent = out[index]!
      demand(sent.to.equals(wanted.to), `sent to ${sent.to}, expected ${wanted.to}`)
      demand(sent.value === wanted.value, `sent ${sent.value}, expected ${wanted.value}`)
      demand(sent.bounced === wanted.bounced && !sent.bounce, 'a payment would bounce')
      if (wanted.body) demand(sent.body.equals(wanted.body), `another body than expected: ${sent.body}`)
    }
    const { balance, code, data } = this.#account
    demand(balance === expected.balance, `balance ${balance}, expected ${expected.balance}`)
    demand((data !== undefined) === expected.active, expected.active ? 'the account is gone' : 'the account is still there')
    if (!data || !code) return
    demand(data.equals(storageOf(expected.model)), `storage ${data}, expected ${storageOf(expected.model)}`)
    demand(code.equals(this.#newborn.init.code), 'the code changed')
  }

  #valueOf({ value, entropy }: Step): bigint {
    const { balance } = this.#account
    const { deposited, settled } = this.model
    const plenty = 50_000_000n
    const missing = deposited - settled + 10_000_000n - balance
    switch (value) {
      case 'plenty':
        return plenty
      case 'large':
        return 1_000_000_000n + BigInt(entropy)
      case 'missing':
        return missing > 0n ? missing : plenty
      case 'missing+1':
        return missing > 0n ? missing + 1n : plenty
      case 'dust':
        return BigInt(entropy % 1_000)
      case 'starved':
        return BigInt(entropy % 450_000)
      case 'zero':
        return 0n
      case 'huge':
        return balance < 1n << 100n ? 1n << 119n : plenty
    }
  }
}

function senderOf({ from, op }: Step): Address {
  if (from !== 'right') return parties[from]
  return op === 'startClose' ? parties.payer : op === 'closeByPayee' ? parties.payee : parties.stranger
}
