/** What the parties of the random lives sign and send, rightly or wrongly: a step in, the body of a message out. */
import { Address, type Builder, beginCell, type Cell } from '@ton/core'
import { sha256, utf8 } from '../../../src/lib/bytes.ts'
import { closeByPayeeBody, depositBody, finishCloseBody, startCloseBody } from '../../../src/payment-channel/index.ts'
import { signCell, testAddress } from '../../support/ton.ts'
import { testChain } from '../../support/ton-config.ts'
import type { ModelChannel } from '../model.ts'
import { damagedBody, damagedCell, damagedRest, type Side } from './damage.ts'
import { oddAddresses } from './odd-addresses.ts'
import type { Step } from './steps.ts'
import type { TorsionKey } from './torsion.ts'
import { keys, torsion } from './world.ts'

const mostCoins = (1n << 120n) - 1n

/** How much the step claims, authorises or wants settled. */
export function amountOf(step: Step, channel: ModelChannel): bigint {
  return least(mostCoins, unboundedAmountOf(step, channel))
}

function unboundedAmountOf({ amount, entropy }: Step, { deposited, settled }: ModelChannel): bigint {
  const left = deposited - settled
  switch (amount) {
    case 'more':
      return settled + (left > 0n ? 1n + ((left - 1n) * BigInt(entropy % 1_000)) / 1_000n / (1n + BigInt(entropy % 7)) : 0n)
    case 'all':
      return deposited
    case 'beyond':
      return deposited + 1n + BigInt(entropy)
    case 'settled':
      return settled
    case 'settled+1':
      return settled + 1n
    case 'zero':
      return 0n
    case 'most':
      return mostCoins
    case 'any':
      return BigInt(entropy)
  }
}

function ceilingOf({ ceiling, entropy }: Step, amount: bigint): bigint {
  switch (ceiling) {
    case 'amount':
      return amount
    case 'above':
      return least(mostCoins, amount + BigInt(entropy))
    case 'under':
      return amount > 0n ? amount - 1n : 0n
    case 'most':
      return mostCoins
    case 'zero':
      return 0n
  }
}

/** What was signed, for the invariants: the highest that each side ever agreed to for this channel on this chain. */
export interface Signed {
  readonly ceiling?: bigint
  readonly claim?: bigint
}

/** The body of the step's message, and what it makes the parties agree to. */
export function bodyOf(step: Step, channel: ModelChannel, isTorsion: boolean): { body: Cell; signed: Signed } {
  switch (step.op) {
    case 'settle':
      return settlement(step, channel, isTorsion)
    case 'closeReleased':
      return { body: released(step, channel), signed: {} }
    default:
      return { body: damagedBody(step.faults, plainBody(step)), signed: {} }
  }
}

function plainBody({ op, entropy }: Step): Cell {
  const queryId = BigInt(entropy)
  switch (op) {
    case 'deposit':
    case 'bounced':
    case 'external':
      return depositBody(queryId)
    case 'comment':
      return beginCell()
        .storeUint(0, 32)
        .storeStringTail('x'.repeat(entropy % 90))
        .endCell()
    case 'startClose':
      return startCloseBody(queryId)
    case 'finishClose':
      return finishCloseBody(queryId)
    case 'closeByPayee':
      return closeByPayeeBody(queryId)
    case 'noise':
      return noise(entropy)
    default:
      return beginCell().endCell()
  }
}

/** Up to 130 bits and some references that mean nothing, or nearly nothing. */
function noise(entropy: number): Cell {
  const builder = beginCell().storeBits(
    beginCell()
      .storeBuffer(Buffer.from(sha256(utf8(String(entropy)))))
      .endCell()
      .bits.substring(0, entropy % 131),
  )
  if (entropy % 5 === 0) builder.storeRef(beginCell().endCell())
  const cell = builder.endCell()
  // Half of it nearly a comment: zeros, but perhaps too few.
  return entropy % 2 === 0
    ? cell
    : beginCell()
        .storeUint(0, entropy % 40)
        .endCell()
}

function settlement(step: Step, channel: ModelChannel, isTorsion: boolean): { body: Cell; signed: Signed } {
  const { faults } = step
  const amount = amountOf(step, channel)
  const ceiling = ceilingOf(step, amount)
  const auth = damagedCell('auth', step, signedCell(0x564f5531, reference('auth', step, channel), ceiling).endCell())
  const root = Buffer.from(sha256(utf8(`statement ${step.entropy}`)))
  const claim = damagedCell(
    'claim',
    step,
    signedCell(0x434c4d31, reference('claim', step, channel), amount)
      .storeBuffer(root)
      .endCell(),
  )
  const payer = isTorsion && step.entropy % 3 > 0 ? torsion : undefined
  const rest = beginCell()
    .storeBuffer(signature('claim', step, claim, 'payee'))
    .storeRef(claim)
    .endCell()
  const body = beginCell()
    .storeUint(0x53544c31, 32)
    .storeUint(step.entropy, 64)
    .storeBuffer(signature('auth', step, auth, 'payer', payer))
    .storeRef(auth)
    .storeRef(damagedRest(faults, rest))
    .endCell()
  return { body: damagedBody(faults, body), signed: { ceiling, claim: amount } }
}

function released(step: Step, channel: ModelChannel): Cell {
  const signed = signedCell(0x52454c31, reference('claim', step, channel), minSettledOf(step, channel))
  const release = damagedCell('claim', step, signed.endCell())
  return damagedBody(
    step.faults,
    beginCell()
      .storeUint(0x43524c31, 32)
      .storeUint(step.entropy, 64)
      .storeBuffer(signature('claim', step, release, 'payee'))
      .storeRef(release)
      .endCell(),
  )
}

function minSettledOf(step: Step, channel: ModelChannel): bigint {
  // Releases that are good would end most lives early.
  return step.amount === 'more' ? channel.settled + BigInt(step.entropy % 3) : amountOf(step, channel)
}

/** By hand: our own codec refuses amounts that the chain takes. */
function signedCell(tag: number, { chain, channel }: { chain: number; channel: Cell }, amount: bigint): Builder {
  return beginCell().storeUint(tag, 32).storeInt(chain, 32).storeSlice(channel.beginParse()).storeCoins(amount)
}

function reference(side: Side, { faults, entropy }: Step, { chain, address }: ModelChannel) {
  const has = (fault: string) => faults.some(each => each === `${side}-${fault}`)
  const otherChains = [-239, -3, 0, testChain, chain + 1, -chain].filter(other => other !== chain)
  const noAddresses = Object.values(oddAddresses)
  const channel = has('channel') ? testAddress(`channel ${entropy % 3}`) : has('masterchain') ? new Address(-1, address.hash) : address
  return {
    chain: has('chain') ? otherChains[entropy % otherChains.length]! : chain,
    channel: has('address') ? noAddresses[entropy % noAddresses.length]! : beginCell().storeAddress(channel).endCell(),
  }
}

function signature(side: Side, { faults, entropy }: Step, cell: Cell, owner: 'payer' | 'payee', custom?: TorsionKey): Buffer {
  const has = (fault: string) => faults.some(each => each === `${side}-${fault}`)
  const other = owner === 'payer' ? keys.payee : keys.payer
  if (has('key')) return signCell(keys.other, cell)
  if (has('swapped-key')) return signCell(other, cell)
  const made = custom ? custom.sign(cell.hash(), entropy) : signCell(keys[owner], cell)
  if (has('flipped')) made[entropy % 64]! ^= 1 << (entropy % 8)
  return made
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
