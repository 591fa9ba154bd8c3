/** A registry on the real TVM beside its model: each message must do to both the same. */
import { type Address, beginCell, type Cell, contractAddress } from '@ton/core'
import { decodeStorage, encodeStorage, type RegistryState, registryCode } from '../../../src/policy-registry/index.ts'
import { testAddress } from '../../support/ton.ts'
import { Account, type Machine, type Receipt, runGetMethod } from '../machine.ts'
import { expectedOf, inOrder } from './model.ts'

export const owner = testAddress('owner')
export const heir = testAddress('heir')
export const stranger = testAddress('stranger')
/** When every life begins, Unix seconds. */
export const start = 1_800_000_000
export const delay = 86_400

export interface Sent {
  readonly from?: Address
  readonly value?: bigint
  readonly bounced?: boolean
}

const rentValue = 1_000_000_000n
const messageValue = 50_000_000n

/** One registry. It is born with whatever `birth` says, under `code`. */
export class Life {
  now = start
  state: RegistryState
  readonly account: Account
  readonly #init: { readonly code: Cell; readonly data: Cell }

  private constructor(machine: Machine, birth: Partial<RegistryState>, code: Cell) {
    this.state = inOrder({ owner, delay, next: undefined, entries: [], ...birth })
    this.#init = { code, data: encodeStorage(this.state) }
    this.account = new Account(machine, contractAddress(0, this.#init))
  }

  /** A registry that is deployed, with one TON for its rent. */
  static async begin(machine: Machine, birth: Partial<RegistryState> = {}, code = registryCode): Promise<Life> {
    const life = new Life(machine, birth, code)
    await life.send(beginCell().endCell(), { from: stranger, value: rentValue })
    return life
  }

  /** Sends `body`, and throws where the registry does anything else than its model. */
  async send(body: Cell, { from = owner, value = messageValue, bounced = false }: Sent = {}): Promise<Receipt> {
    const before = this.account.balance
    const receipt = await this.account.deliver({ from, value, body, bounce: !bounced, bounced, init: this.#init, now: this.now })
    const expected = bounced
      ? { exitCode: 0, state: this.state, excesses: undefined }
      : expectedOf(this.state, { from, body, now: this.now })
    same('exit code', receipt.exitCode, expected.exitCode)
    if (expected.state) this.state = inOrder(expected.state)
    same('storage', this.account.data?.hash().toString('hex'), encodeStorage(this.state).hash().toString('hex'))
    this.#checkCoins(receipt, { before, from, value, kept: 'excesses' in expected && expected.excesses === undefined })
    if ('excesses' in expected && expected.excesses !== undefined) {
      const words = beginCell().storeUint(0xd53276db, 32).storeUint(expected.excesses, 64).endCell()
      same('what goes back', receipt.out[0]!.body.hash().toString('hex'), words.hash().toString('hex'))
      same('bounce', receipt.out[0]!.bounce, false)
    }
    return receipt
  }

  /** Sends what its value pays the gas of, but not the answer: nothing may come of it. The coins stay, as rent. */
  async sendUnanswered(body: Cell, value: bigint): Promise<void> {
    const before = this.account.balance
    const { exitCode, actionCode, out, fees } = await this.account.deliver({
      from: owner,
      value,
      body,
      bounce: true,
      bounced: false,
      now: this.now,
    })
    same('exit code', exitCode, 0)
    same('whether it was answered', actionCode === 0 || out.length > 0, false)
    same('storage', this.account.data?.hash().toString('hex'), encodeStorage(this.state).hash().toString('hex'))
    same('balance', this.account.balance, before + value - fees.rent - fees.gas - fees.fine)
  }

  /** What the get-method tells is what the storage holds. */
  async checkTold(machine: Machine): Promise<void> {
    const { exitCode, stack } = await runGetMethod(machine, { code: this.#init.code, data: this.account.data! }, 'registry_data')
    same('exit code of registry_data', exitCode, 0)
    const [ownerItem, delayItem, nextItem, entriesItem, ...more] = stack
    if (ownerItem?.type !== 'slice' || delayItem?.type !== 'int' || more.length > 0) throw new Error('registry_data tells other things')
    const told = beginCell()
      .storeSlice(ownerItem.cell.beginParse())
      .storeUint(delayItem.value, 32)
      .storeMaybeRef(nextItem?.type === 'cell' ? nextItem.cell : null)
      .storeMaybeRef(entriesItem?.type === 'cell' ? entriesItem.cell : null)
      .endCell()
    same('what registry_data tells', told.hash().toString('hex'), this.account.data!.hash().toString('hex'))
  }

  /** Coins are kept where nothing is answered; else all that is left of the message goes back to whom it is from. */
  #checkCoins(receipt: Receipt, about: { before: bigint; from: Address; value: bigint; kept: boolean }): void {
    const { rent, gas, forward, fine } = receipt.fees
    const sent = receipt.out.reduce((sum, { value }) => sum + value, 0n)
    same('coins in all', this.account.balance + sent + rent + gas + forward + fine, about.before + about.value)
    same('messages out', receipt.out.length, about.kept ? 0 : 1)
    if (about.kept) return
    same('receiver', receipt.out[0]!.to.toString(), about.from.toString())
    same('balance', this.account.balance, about.before - rent)
  }
}

/** The storage as it is read back. */
export function reread(life: Life): RegistryState {
  return decodeStorage(life.account.data!)
}

function same(what: string, is: unknown, wanted: unknown): void {
  if (is !== wanted) throw new Error(`${what}: ${String(is)} in place of ${String(wanted)}`)
}
