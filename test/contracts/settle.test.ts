/** settle: what the payee gets, and everything for which it gets nothing. */
import { beginCell, type Cell } from '@ton/core'
import { describe, expect, it } from 'vitest'
import {
  type Authorization,
  authorizationCell,
  type Claim,
  claimCell,
  closeByPayeeBody,
  type KeyPair,
  keyPairOf,
  releaseCell,
} from '../../src/payment-channel/index.ts'
import { signCell, testAddress, withoutBits, withoutRef, withTrailingBit, withTrailingRef } from '../support/ton.ts'
import { testChain } from '../support/ton-config.ts'
import { Lab, payee, payeeKey, payer, payerKey, period, rawSettle, root, start, stranger, ton } from './lab.ts'

interface Parts {
  authorization: Partial<Authorization>
  claim: Partial<Claim>
  payerKey: KeyPair
  payeeKey: KeyPair
  /** What is done to a cell before it is signed. */
  authCell: (cell: Cell) => Cell
  claimCell: (cell: Cell) => Cell
}

/** A good settlement of 1 TON under a ceiling of 2, but for `changes`. */
function settlement(lab: Lab, changes: Partial<Parts> = {}): Cell {
  const same = (cell: Cell) => cell
  const auth = (changes.authCell ?? same)(authorizationCell({ ...lab.reference, ceiling: ton(2), ...changes.authorization }))
  const claim = (changes.claimCell ?? same)(claimCell({ ...lab.reference, amount: ton(1), root, ...changes.claim }))
  return rawSettle({
    auth,
    authSig: signCell(changes.payerKey ?? payerKey, auth),
    claim,
    claimSig: signCell(changes.payeeKey ?? payeeKey, claim),
  })
}

describe('settle', () => {
  it('pays the claim to the payee, with the rest of the message', async () => {
    const lab = await Lab.open(ton(3))
    const before = await lab.balance()
    const effect = await lab.send(settlement(lab), { value: ton(0.05) })
    expect(effect).toMatchObject({ exitCode: 0, actionCode: 0 })
    expect(effect.out).toEqual([
      {
        to: String(payee),
        value: ton(1) + ton(0.05) - effect.fees,
        bounce: false,
        bounced: false,
        event: { type: 'paid', settled: ton(1) },
      },
    ])
    expect(await lab.state()).toMatchObject({ status: 1, settled: ton(1), deposited: ton(3) })
    // The caller pays for everything.
    expect(await lab.balance()).toBe(before - ton(1))
  })

  it('pays the difference to what was paid before', async () => {
    const lab = await Lab.open(ton(3))
    await lab.send(lab.settlement(1, 3))
    const effect = await lab.send(lab.settlement(2.5, 3))
    expect(effect.out).toMatchObject([{ to: String(payee), value: ton(1.5) + ton(0.05) - effect.fees, event: { settled: ton(2.5) } }])
    expect(await lab.state()).toMatchObject({ settled: ton(2.5) })
  })

  it('pays no more than was deposited', async () => {
    const lab = await Lab.open(ton(3))
    await lab.send(lab.settlement(5))
    expect(await lab.state()).toMatchObject({ settled: ton(3) })
    await lab.refuses(107, lab.settlement(6))
  })

  it('pays the rest of a claim once more is deposited', async () => {
    const lab = await Lab.open(ton(3))
    await lab.send(lab.settlement(3.5))
    await lab.send(beginCell().endCell(), { value: ton(1) })
    await lab.send(lab.settlement(3.5))
    expect(await lab.state()).toMatchObject({ settled: ton(3.5) })
  })

  it('does not pay the payee from coins that nobody credited', async () => {
    const lab = await Lab.open(ton(1))
    await lab.transferToDeployed(ton(5))
    await lab.send(lab.settlement(4))
    expect(await lab.state()).toMatchObject({ settled: ton(1), deposited: ton(1) })
  })

  it('pays what is there when rent has eaten into the deposit', async () => {
    const lab = await Lab.open(ton(1))
    lab.now = start + 20 * 365 * 86_400
    await lab.send(lab.settlement(1))
    const { settled } = (await lab.state())!
    expect(settled).toBeLessThan(ton(1))
    expect(settled).toBeGreaterThan(ton(0.97))
    expect(await lab.balance()).toBe(0n)
    await lab.refuses(107, lab.settlement(1))
  })

  it('may come from anyone', async () => {
    for (const from of [payer, payee, stranger]) {
      const lab = await Lab.open()
      expect(await lab.send(lab.settlement(1), { from })).toMatchObject({ exitCode: 0, out: [{ to: String(payee) }] })
    }
  })

  it('goes on while closing, until the last second before closes_at', async () => {
    const lab = await Lab.closing()
    lab.now = start + period - 1
    expect(await lab.send(lab.settlement(1))).toMatchObject({ exitCode: 0 })
    expect(await lab.state()).toMatchObject({ status: 2, settled: ton(1) })
    lab.now = start + period
    await lab.refuses(102, lab.settlement(2))
  })

  it('is over once the channel is closed, and not begun before it is open', async () => {
    const lab = await Lab.open()
    await lab.send(closeByPayeeBody(), { from: payee })
    await lab.refuses(100, lab.settlement(1))
    const fresh = await Lab.create()
    await fresh.refuses(100, fresh.settlement(1))
  })
})

const otherKey = keyPairOf(Buffer.alloc(32, 7))
const elsewhere = testAddress('another channel')
const retagged = (cell: Cell) => {
  const slice = cell.beginParse().skip(32)
  return beginCell().storeUint(0x12345678, 32).storeSlice(slice).endCell()
}

const refusals: [number, string, Partial<Parts>][] = [
  [103, 'an authorization signed by another key', { payerKey: otherKey }],
  [103, 'an authorization signed by the payee', { payerKey: payeeKey }],
  [103, 'a claim signed by another key', { payeeKey: otherKey }],
  [103, 'a claim signed by the payer', { payeeKey: payerKey }],
  [63, 'an authorization with another tag', { authCell: retagged }],
  [63, 'a claim with another tag', { claimCell: retagged }],
  [63, 'a claim where the authorization belongs', { authCell: () => beginCell().storeUint(0x434c4d31, 32).endCell() }],
  [9, 'an authorization with a bit too many', { authCell: withTrailingBit }],
  [9, 'an authorization with a bit too few', { authCell: cell => withoutBits(cell) }],
  [9, 'an authorization with a reference', { authCell: withTrailingRef }],
  [9, 'a claim with a bit too many', { claimCell: withTrailingBit }],
  [9, 'a claim with a bit too few', { claimCell: cell => withoutBits(cell) }],
  [9, 'a claim with a reference', { claimCell: withTrailingRef }],
  [104, 'an authorization for another chain', { authorization: { chain: -239 } }],
  [104, 'a claim for another chain', { claim: { chain: -239 } }],
  [105, 'an authorization for another channel', { authorization: { channel: elsewhere } }],
  [105, 'a claim for another channel', { claim: { channel: elsewhere } }],
  [106, 'a claim above the ceiling', { claim: { amount: ton(2.000000001) } }],
  [107, 'a claim of nothing', { claim: { amount: ton(0) } }],
]

describe('settle is refused', () => {
  it.each(refusals)('with %i for %s', async (exitCode, _, changes) => {
    const lab = await Lab.open()
    await lab.refuses(exitCode, settlement(lab, changes))
    expect(await lab.send(settlement(lab))).toMatchObject({ exitCode: 0 })
  })

  it('for what was settled already, and for less', async () => {
    const lab = await Lab.open()
    await lab.send(lab.settlement(1))
    await lab.refuses(107, lab.settlement(1))
    await lab.refuses(107, lab.settlement(0.5))
  })

  it('for a body that is not whole, or more than whole', async () => {
    const lab = await Lab.open()
    const body = settlement(lab)
    for (const broken of [withTrailingBit(body), withTrailingRef(body), withoutBits(body), withoutRef(body)]) await lab.refuses(9, broken)
  })

  it('for a rest that is not whole, or more than whole', async () => {
    const lab = await Lab.open()
    const body = settlement(lab)
    for (const broken of [withTrailingBit, withTrailingRef, (cell: Cell) => withoutBits(cell), withoutRef])
      await lab.refuses(9, beginCell().storeBits(body.bits).storeRef(body.refs[0]!).storeRef(broken(body.refs[1]!)).endCell())
  })

  it('for a flipped bit in either signature', async () => {
    const lab = await Lab.open()
    const auth = authorizationCell({ ...lab.reference, ceiling: ton(2) })
    const claim = claimCell({ ...lab.reference, amount: ton(1), root })
    const parts = { auth, claim, authSig: signCell(payerKey, auth), claimSig: signCell(payeeKey, claim) }
    for (const name of ['authSig', 'claimSig'] as const) {
      const flipped = Buffer.from(parts[name])
      flipped[5]! ^= 1
      await lab.refuses(103, rawSettle({ ...parts, [name]: flipped }))
    }
  })

  it('when the payee shows a release for an authorization', async () => {
    const lab = await Lab.open()
    await lab.refuses(63, settlement(lab, { authCell: () => releaseCell({ chain: testChain, channel: lab.address, minSettled: ton(2) }) }))
  })

  it('in the order of the rules where several are broken', async () => {
    const closed = await Lab.open()
    await closed.send(closeByPayeeBody(), { from: payee })
    await closed.refuses(100, withTrailingBit(settlement(closed, { payerKey: otherKey })))
    const late = await Lab.closing()
    late.now = start + period
    await late.refuses(102, withTrailingBit(settlement(late, { payerKey: otherKey })))
    const lab = await Lab.open()
    await lab.refuses(9, withTrailingBit(settlement(lab, { payerKey: otherKey })))
    await lab.refuses(103, settlement(lab, { payerKey: otherKey, authCell: retagged }))
    await lab.refuses(103, settlement(lab, { payeeKey: otherKey, authCell: retagged }))
    await lab.refuses(63, settlement(lab, { authorization: { chain: 1 }, claimCell: retagged }))
    await lab.refuses(104, settlement(lab, { authorization: { chain: 1, channel: elsewhere } }))
    await lab.refuses(105, settlement(lab, { authorization: { channel: elsewhere }, claim: { chain: 1 } }))
    await lab.refuses(104, settlement(lab, { claim: { chain: 1, amount: ton(9) } }))
    await lab.refuses(106, settlement(lab, { authorization: { ceiling: ton(0) }, claim: { amount: ton(0.5) } }))
  })
})
