/** deposit, an empty body, a comment: how a channel opens and how it is topped up. */
import { Address, beginCell, type Cell, comment } from '@ton/core'
import { describe, expect, it } from 'vitest'
import { channelStatus, closeByPayeeBody, depositBody, encodeStorage, startCloseBody, type Terms } from '../../src/payment-channel/index.ts'
import { testAddress, withoutBits, withTrailingBit, withTrailingRef } from '../support/ton.ts'
import { Lab, openUntil, payee, payer, period, start, stranger, ton } from './lab.ts'

const empty = beginCell().endCell()
const forms: [string, Cell][] = [
  ['deposit', depositBody(7n)],
  ['an empty body', empty],
  ['a comment', comment('for tokens')],
  ['an empty comment', comment('')],
  ['a comment that goes on in another cell', beginCell().storeUint(0, 32).storeRef(comment('more')).endCell()],
]

describe('a new channel', () => {
  it.each(forms)('opens by %s, and tells the payee', async (_, body) => {
    const lab = await Lab.create()
    const effect = await lab.send(body, { value: ton(3.01) })
    expect(effect).toMatchObject({ exitCode: 0, actionCode: 0 })
    expect(effect.out).toEqual([
      {
        to: String(payee),
        value: 1n,
        bounce: false,
        bounced: false,
        event: { type: 'notice', status: 1, deposited: ton(3), settled: 0n, closesAt: 0 },
      },
    ])
    const opened = { ...lab.identity, status: channelStatus.open, deposited: ton(3), settled: ton(0), closesAt: 0 }
    expect(encodeStorage((await lab.state())!).equals(encodeStorage(opened))).toBe(true)
  })

  it('credits coins that lay on the address before', async () => {
    const lab = await Lab.create()
    await lab.transfer(ton(2))
    await lab.transfer(ton(1))
    expect(await lab.send(empty, { value: ton(0.01) })).toMatchObject({ exitCode: 0 })
    expect(await lab.state()).toMatchObject({ status: 1, deposited: ton(3) })
  })

  it('opens until open_until and not later', async () => {
    const lab = await Lab.create()
    lab.now = openUntil
    expect(await lab.send(empty, { value: ton(1) })).toMatchObject({ exitCode: 0 })
    for (const [, body] of forms) {
      const late = await Lab.create()
      late.now = openUntil + 1
      await late.refuses(102, body, { value: ton(1) })
      expect(await late.state()).toMatchObject({ status: 0, deposited: 0n })
    }
  })

  it('opens only with more than the reserve', async () => {
    const lab = await Lab.create()
    await lab.refuses(109, empty, { value: ton(0.01) })
    expect(await lab.send(empty, { value: ton(0.01) + 1n })).toMatchObject({ exitCode: 0, actionCode: 0 })
    expect(await lab.state()).toMatchObject({ status: 1, deposited: 1n })
  })

  it('opens with the longest challenge period and with none', async () => {
    for (const challengePeriod of [0, 30 * 86_400]) expect((await Lab.open(ton(1), { challengePeriod })).address).toBeInstanceOf(Address)
  })
})

const good: Terms = { payer, payee, challengePeriod: period, openUntil, salt: 1n }

/** Terms of which our own codec would refuse to speak. */
function terms(changes: Partial<Omit<Terms, 'payer' | 'payee'>> & { payer?: Cell; payee?: Cell }): Cell {
  const { challengePeriod, openUntil, salt } = { ...good, ...changes }
  return beginCell()
    .storeSlice((changes.payer ?? standard(payer)).beginParse())
    .storeSlice((changes.payee ?? standard(payee)).beginParse())
    .storeUint(challengePeriod, 32)
    .storeUint(openUntil, 32)
    .storeUint(salt, 64)
    .endCell()
}

const standard = (address: Address) => beginCell().storeAddress(address).endCell()
const inMasterchain = standard(testAddress('elsewhere', -1))
const withAnycast = beginCell().storeUint(0b101, 3).storeUint(1, 5).storeUint(1, 1).storeInt(0, 8).storeBuffer(payer.hash).endCell()
const variable = beginCell().storeUint(0b110, 3).storeUint(256, 9).storeInt(0, 32).storeBuffer(payer.hash).endCell()
const none = beginCell().storeUint(0b00, 2).endCell()

const badTerms: [string, Cell][] = [
  ['a challenge period over 30 days', terms({ challengePeriod: 30 * 86_400 + 1 })],
  ['a payer in the masterchain', terms({ payer: inMasterchain })],
  ['a payee in the masterchain', terms({ payee: inMasterchain })],
  ['a payer with anycast', terms({ payer: withAnycast })],
  ['a payee with anycast', terms({ payee: withAnycast })],
  ['a payer at a variable address', terms({ payer: variable })],
  ['a payee at a variable address', terms({ payee: variable })],
  ['no payer', terms({ payer: none })],
  ['no payee', terms({ payee: none })],
]

describe('terms that nobody could close by', () => {
  it('are only so with what is wrong in each', async () => {
    expect(await (await Lab.withTerms(terms({}))).send(empty, { value: ton(1) })).toMatchObject({ exitCode: 0 })
  })

  it.each(badTerms)('do not open: %s', async (_, cell) => {
    const lab = await Lab.withTerms(cell)
    expect(await lab.send(empty, { value: ton(1) })).toMatchObject({ exitCode: 110, out: [{ to: String(stranger), bounced: true }] })
    lab.now = openUntil + 1
    expect(await lab.send(empty, { value: ton(1) })).toMatchObject({ exitCode: 102 })
  })

  it.each([
    ['one bit too many', withTrailingBit(terms({}))],
    ['a reference', withTrailingRef(terms({}))],
    ['one bit too few', withoutBits(terms({}))],
  ])('do not open: %s', async (_, cell) => {
    const effect = await (await Lab.withTerms(cell)).send(empty, { value: ton(1) })
    // Which of them depends on what the misread terms say.
    expect([9, 102, 110]).toContain(effect.exitCode)
    expect(effect.out).toMatchObject([{ to: String(stranger), bounced: true }])
  })
})

describe('an open channel', () => {
  it.each(forms)('is topped up by %s from anyone', async (_, body) => {
    const lab = await Lab.open(ton(3))
    const spent = ton(3.01) - (await lab.balance())
    const effect = await lab.send(body, { value: ton(1), from: stranger })
    expect(effect.out).toMatchObject([{ to: String(payee), value: 1n, event: { type: 'notice', status: 1, deposited: ton(4) - spent } }])
    expect(await lab.state()).toMatchObject({ status: 1, deposited: ton(4) - spent })
  })

  it('is topped up after open_until too', async () => {
    const lab = await Lab.open(ton(3))
    lab.now = openUntil + 1
    expect(await lab.send(empty, { value: ton(1) })).toMatchObject({ exitCode: 0 })
  })

  it('credits only what raises the deposit', async () => {
    const lab = await Lab.open(ton(3))
    // What the channel itself paid since the last credit is made good first.
    const missing = ton(3.01) - (await lab.balance())
    expect(missing).toBeGreaterThan(0n)
    await lab.refuses(109, empty, { value: missing })
    expect(await lab.send(empty, { value: missing + 1n })).toMatchObject({ exitCode: 0, actionCode: 0 })
    expect(await lab.state()).toMatchObject({ deposited: ton(3) + 1n })
  })

  it('counts what was settled as deposited', async () => {
    const lab = await Lab.open(ton(3))
    await lab.send(lab.settlement(2))
    const balance = await lab.balance()
    await lab.send(empty, { value: ton(1) })
    expect(await lab.state()).toMatchObject({ settled: ton(2), deposited: ton(2) + balance + ton(1) - ton(0.01) })
  })
})

describe('a deposit is refused', () => {
  it.each(forms)('while closing: %s', async (_, body) => {
    await (await Lab.closing()).refuses(100, body, { value: ton(1) })
  })

  it.each(forms)('once closed: %s', async (_, body) => {
    const lab = await Lab.open()
    await lab.send(closeByPayeeBody(), { from: payee })
    await lab.refuses(100, body, { value: ton(1) })
  })

  it.each([
    ['one bit too many', withTrailingBit(depositBody())],
    ['one bit too few', withoutBits(depositBody())],
    ['a reference', withTrailingRef(depositBody())],
    ['nothing but its opcode', withoutBits(depositBody(), 64)],
  ])('with %s', async (_, body) => {
    await (await Lab.open()).refuses(9, body)
    await (await Lab.create()).refuses(9, body, { value: ton(1) })
  })
})

describe('a message that is no operation', () => {
  const bodies: [string, Cell][] = [
    ['another opcode', beginCell().storeUint(0x12345678, 32).storeUint(0, 64).endCell()],
    ['another opcode alone', beginCell().storeUint(0xffffffff, 32).endCell()],
    ['31 zero bits', beginCell().storeUint(0, 31).endCell()],
    ['one bit', beginCell().storeUint(0, 1).endCell()],
    ['an opcode without its last bit', withoutBits(depositBody(), 65)],
    ['a reference without bits', beginCell().storeRef(empty).endCell()],
  ]
  it.each(bodies)('is refused in every status: %s', async (_, body) => {
    await (await Lab.create()).refuses(65535, body, { value: ton(1) })
    const lab = await Lab.open()
    await lab.refuses(65535, body)
    await lab.send(startCloseBody(), { from: payer })
    await lab.refuses(65535, body)
    await lab.send(closeByPayeeBody(), { from: payee })
    await lab.refuses(65535, body)
  })

  it('does nothing when it is one of ours come back', async () => {
    const lab = await Lab.open()
    const before = encodeStorage((await lab.state())!)
    expect(await lab.send(depositBody(), { bounced: true, value: ton(1) })).toMatchObject({ exitCode: 0, out: [] })
    expect(encodeStorage((await lab.state())!).equals(before)).toBe(true)
  })

  it('is not taken from outside', async () => {
    const lab = await Lab.open()
    const before = await lab.fingerprint()
    const message = { info: { type: 'external-in' as const, dest: lab.address, importFee: 0n }, body: depositBody() }
    await expect((await lab.chain.getContract(lab.address)).receiveMessage(message, { now: start })).rejects.toThrow()
    expect(await lab.fingerprint()).toEqual(before)
  })
})
