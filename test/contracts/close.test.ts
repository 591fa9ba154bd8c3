/** start_close, finish_close, close_by_payee, close_released: every way out, and that the payer gets all the rest. */
import { beginCell, type Cell } from '@ton/core'
import { describe, expect, it } from 'vitest'
import {
  closeByPayeeBody,
  closeReleasedBody,
  depositBody,
  finishCloseBody,
  type KeyPair,
  keyPairOf,
  type Release,
  releaseCell,
  startCloseBody,
} from '../../src/payment-channel/index.ts'
import { signCell, testAddress, withoutBits, withoutRef, withTrailingBit, withTrailingRef } from '../support/ton.ts'
import { Lab, openUntil, payee, payeeKey, payer, payerKey, period, start, stranger, ton } from './lab.ts'

const empty = beginCell().endCell()

/** Checks that `body` closes the channel and sends all it has to the payer. */
async function closes(lab: Lab, body: Cell, from = stranger): Promise<void> {
  const before = await lab.balance()
  const settled = (await lab.state())?.settled ?? 0n
  const freed = lab.now > openUntil
  const effect = await lab.send(body, { from, value: ton(0.05) })
  expect(effect).toMatchObject({ exitCode: 0, actionCode: 0 })
  expect(effect.out).toEqual([
    { to: String(payer), value: before + ton(0.05) - effect.fees, bounce: false, bounced: false, event: { type: 'refunded', settled } },
  ])
  expect(await lab.balance()).toBe(0n)
  if (freed) expect(await lab.state()).toBeUndefined()
  else expect(await lab.state()).toMatchObject({ status: 3, settled })
}

/** The four channels that stand in each status. */
const inStatus: Record<string, () => Promise<Lab>> = {
  new: () => Lab.create(),
  open: () => Lab.open(),
  closing: () => Lab.closing(),
  closed: async () => {
    const lab = await Lab.open()
    await lab.send(closeByPayeeBody(), { from: payee })
    return lab
  },
}

async function refusedIn(statuses: string[], exitCode: number, body: (lab: Lab) => Cell, from = stranger): Promise<void> {
  for (const status of statuses) {
    const lab = await inStatus[status]!()
    await lab.refuses(exitCode, body(lab), { from })
  }
}

describe('start_close', () => {
  it('starts the challenge period and tells the payee', async () => {
    const lab = await Lab.open(ton(3))
    lab.now = start + 100
    const effect = await lab.send(startCloseBody(5n), { from: payer })
    expect(effect).toMatchObject({ exitCode: 0, actionCode: 0 })
    const event = { type: 'notice', status: 2, deposited: ton(3), settled: 0n, closesAt: start + 100 + period }
    expect(effect.out).toEqual([{ to: String(payee), value: 1n, bounce: false, bounced: false, event }])
    expect(await lab.state()).toMatchObject({ status: 2, closesAt: start + 100 + period, deposited: ton(3) })
  })

  it("is the payer's alone", async () => {
    await refusedIn(['open'], 101, () => startCloseBody(), payee)
    await refusedIn(['open'], 101, () => startCloseBody(), stranger)
  })

  it('is for an open channel', async () => {
    await refusedIn(['new', 'closing', 'closed'], 100, () => startCloseBody(), payer)
    await refusedIn(['closed'], 100, () => startCloseBody(), stranger)
  })

  it('is read strictly', async () => {
    for (const body of broken(startCloseBody())) await refusedIn(['open'], 9, () => body, payer)
  })
})

describe('finish_close', () => {
  it('closes once the challenge period is over, from anyone', async () => {
    const lab = await Lab.closing()
    lab.now = start + period - 1
    await lab.refuses(102, finishCloseBody())
    lab.now = start + period
    await closes(lab, finishCloseBody(9n))
  })

  it('gives the payer all that was not settled', async () => {
    const lab = await Lab.open(ton(3))
    await lab.send(lab.settlement(1))
    await lab.send(startCloseBody(), { from: payer })
    await lab.send(lab.settlement(1.5))
    lab.now = start + period
    await closes(lab, finishCloseBody())
  })

  it('frees an account that is closed after open_until', async () => {
    const lab = await Lab.closing()
    lab.now = openUntil + 1
    await closes(lab, finishCloseBody())
  })

  it('sweeps what came after the close, and keeps the tombstone until open_until has passed', async () => {
    const lab = await inStatus.closed!()
    await lab.transferToDeployed(ton(1))
    lab.now = openUntil
    await closes(lab, finishCloseBody())
    await lab.refuses(100, depositBody(), { value: ton(1) })
    lab.now = openUntil + 1
    await closes(lab, finishCloseBody())
  })

  it('gives back what lay on an address that nobody opened in time', async () => {
    const lab = await Lab.create()
    await lab.transfer(ton(2))
    lab.now = openUntil
    await lab.refuses(102, finishCloseBody())
    lab.now = openUntil + 1
    await closes(lab, finishCloseBody())
  })

  it('leaves nothing that could be opened again', async () => {
    const lab = await Lab.closing()
    lab.now = openUntil + 1
    await closes(lab, finishCloseBody())
    // A refused message with code and data brings the account back, but only as new, and too late to open.
    for (const body of [empty, depositBody()]) await lab.refuses(102, body, { value: ton(1) })
    await lab.refuses(100, lab.settlement(1), { value: ton(1) })
    await closes(lab, finishCloseBody())
  })

  it('is not for an open channel', async () => {
    await refusedIn(['open'], 100, () => finishCloseBody(), payer)
  })

  it('is read strictly', async () => {
    for (const body of broken(finishCloseBody())) await refusedIn(['new', 'open', 'closing', 'closed'], 9, () => body)
  })
})

describe('close_by_payee', () => {
  it('closes an open and a closing channel at once', async () => {
    for (const status of ['open', 'closing']) await closes(await inStatus[status]!(), closeByPayeeBody(3n), payee)
  })

  it('closes a closing channel after its period too', async () => {
    const lab = await Lab.closing()
    lab.now = start + period + 5
    await closes(lab, closeByPayeeBody(), payee)
  })

  it("is the payee's alone", async () => {
    for (const from of [payer, stranger]) await refusedIn(['open', 'closing'], 101, () => closeByPayeeBody(), from)
  })

  it('is for an open or a closing channel', async () => {
    await refusedIn(['new', 'closed'], 100, () => closeByPayeeBody(), payee)
    await refusedIn(['new', 'closed'], 100, () => closeByPayeeBody(), stranger)
  })

  it('is read strictly', async () => {
    for (const body of broken(closeByPayeeBody())) await refusedIn(['open', 'closing'], 9, () => body, payee)
  })
})

interface Parts {
  release: Partial<Release>
  key: KeyPair
  cell: (cell: Cell) => Cell
}

/** A good release of a channel on which nothing was settled, but for `changes`. */
function released(lab: Lab, { release = {}, key = payeeKey, cell = same => same }: Partial<Parts> = {}): Cell {
  const signed = cell(releaseCell({ ...lab.reference, minSettled: ton(0), ...release }))
  return beginCell().storeUint(0x43524c31, 32).storeUint(0, 64).storeBuffer(signCell(key, signed)).storeRef(signed).endCell()
}

const retagged = (cell: Cell) => beginCell().storeUint(0x564f5531, 32).storeSlice(cell.beginParse().skip(32)).endCell()
const refusals: [number, string, Partial<Parts>][] = [
  [103, 'a release signed by the payer', { key: payerKey }],
  [103, 'a release signed by another key', { key: keyPairOf(Buffer.alloc(32, 7)) }],
  [63, 'a release with another tag', { cell: retagged }],
  [9, 'a release with a bit too many', { cell: withTrailingBit }],
  [9, 'a release with a bit too few', { cell: cell => withoutBits(cell) }],
  [9, 'a release with a reference', { cell: withTrailingRef }],
  [104, 'a release for another chain', { release: { chain: -239 } }],
  [105, 'a release for another channel', { release: { channel: testAddress('another channel') } }],
  [108, 'a release that wants more settled', { release: { minSettled: ton(0.000000001) } }],
]

describe('close_released', () => {
  it('closes an open and a closing channel at once, from anyone', async () => {
    for (const status of ['open', 'closing']) {
      const lab = await inStatus[status]!()
      await closes(lab, released(lab))
    }
  })

  it('closes once as much is settled as the payee wanted, not before', async () => {
    const lab = await Lab.open()
    const body = released(lab, { release: { minSettled: ton(1) } })
    await lab.refuses(108, body)
    await lab.send(lab.settlement(0.999999999))
    await lab.refuses(108, body)
    await lab.send(lab.settlement(1))
    await closes(lab, body)
  })

  it('is what our own code writes', async () => {
    const lab = await Lab.open()
    const release = { ...lab.reference, minSettled: ton(0) }
    expect(closeReleasedBody(release, signCell(payeeKey, releaseCell(release))).equals(released(lab))).toBe(true)
  })

  it.each(refusals)('is refused with %i for %s', async (exitCode, _, changes) => {
    await refusedIn(['open', 'closing'], exitCode, lab => released(lab, changes))
  })

  it('is for an open or a closing channel', async () => {
    await refusedIn(['new', 'closed'], 100, lab => released(lab))
    await refusedIn(['new', 'closed'], 100, lab => released(lab, { key: payerKey }))
  })

  it('is read strictly', async () => {
    const lab = await Lab.open()
    for (const body of [...broken(released(lab)), withoutRef(released(lab))]) await lab.refuses(9, body)
  })
})

describe('coins of other currencies', () => {
  const others: [number, bigint][] = [[100, 7n]]

  it('stay behind for good: nothing that a channel sends carries them', async () => {
    const lab = await Lab.open(ton(3))
    await lab.send(depositBody(), { others })
    await lab.send(lab.settlement(1), { others: [[200, 5n]] })
    await closes(lab, closeByPayeeBody(), payee)
    lab.now = openUntil + 1
    await closes(lab, finishCloseBody())
    expect(await lab.others()).toEqual({ 100: 7n, 200: 5n })
  })

  it('go back with a message that is refused', async () => {
    const lab = await Lab.open()
    await lab.refuses(65535, beginCell().storeUint(1, 32).endCell(), { others })
    expect(await lab.others()).toEqual({})
  })
})

describe('the get-method', () => {
  it('says what the storage says', async () => {
    const lab = await Lab.closing()
    const { stackReader: stack } = await (await lab.chain.getContract(lab.address)).get('channel_data')
    const { status, deposited, settled, closesAt } = (await lab.state())!
    expect([stack.readNumber(), stack.readBigNumber(), stack.readBigNumber(), stack.readNumber()]).toEqual([
      status,
      deposited,
      settled,
      closesAt,
    ])
    expect(stack.readBigNumber()).toBe(BigInt(`0x${payerKey.publicKey.toString('hex')}`))
    expect(stack.readBigNumber()).toBe(BigInt(`0x${payeeKey.publicKey.toString('hex')}`))
    expect(stack.readCell().equals(lab.init.data.refs[0]!)).toBe(true)
    expect(stack.remaining).toBe(0)
  })
})

function broken(body: Cell): Cell[] {
  return [withTrailingBit(body), withTrailingRef(body), withoutBits(body), withoutBits(body, body.bits.length - 32)]
}
