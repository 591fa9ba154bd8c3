import { sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  type CheckpointExpectation,
  costOf,
  type Finish,
  otherUnits,
  type Receipt,
  type ReceiptExpectation,
  verifyCheckpoint,
  verifyReceipt,
} from '../../src/envelope/index.ts'
import { signStatement } from '../../src/envelope/receipt.ts'
import { concat, toHex, u16, utf8 } from '../../src/lib/bytes.ts'
import {
  failureOf,
  flipped,
  keyset,
  now,
  payerKey,
  price,
  receiptKey,
  receiptPublicKey,
  receiptSigner,
  sampleContext,
  statement,
  worker,
} from './sample.ts'

const { rid, model, weights, channel } = sampleContext()
const usage = { prompt: 7, cached: 3, completion: 4, reasoning: 1 }
const [ctx, request, transcript] = ['c', '9', '7'].map(digit => digit.repeat(64)) as [string, string, string]
const receipt: Receipt = {
  ...{ rid, worker, keyset, model, weights, ctx, request, transcript, usage, cost: '3', finish: 'stop', channel },
  ...{ started: now, ended: now + 20 },
}
const checkpoint: Receipt = { ...receipt, finish: null }
const expectedCheckpoint: CheckpointExpectation = {
  rid,
  worker,
  keyset,
  model,
  weights,
  ctx,
  request,
  channel,
  price,
  cap: '3',
  transcript,
}
const expectedReceipt: ReceiptExpectation = { ...expectedCheckpoint, usage, finish: 'stop' }

/** Signs any text as the worker, whatever it says. */
function signed(kind: 'receipt' | 'checkpoint', value: unknown, key = receiptKey): Buffer {
  const json = typeof value === 'string' ? value : JSON.stringify(value)
  return statement(json, sign(null, concat(utf8(`chrysalis ${kind} v1`), utf8(json)), key))
}

const kinds = [
  {
    kind: 'receipt' as const,
    good: receipt,
    verify: (payload: Buffer, changes: object = {}, key = receiptPublicKey) =>
      failureOf(() => verifyReceipt(payload, key, { ...expectedReceipt, ...changes })),
  },
  {
    kind: 'checkpoint' as const,
    good: checkpoint,
    verify: (payload: Buffer, changes: object = {}, key = receiptPublicKey) =>
      failureOf(() => verifyCheckpoint(payload, key, { ...expectedCheckpoint, ...changes })),
  },
]

describe.each(kinds)('a $kind', ({ kind, good, verify }) => {
  const bad = (member?: string) => ({ code: 'bad-receipt', member })

  test('says what was sent, seen and attested', () => {
    const payload = signStatement(good, receiptSigner)
    expect(payload).toEqual(signed(kind, good))
    expect(verify(payload)).toBeUndefined()
    expect(
      kind === 'receipt'
        ? verifyReceipt(payload, receiptPublicKey, expectedReceipt)
        : verifyCheckpoint(payload, receiptPublicKey, expectedCheckpoint),
    ).toEqual(good)
  })

  const otherDigest = '0'.repeat(64)
  const others = {
    rid: `${'B'.repeat(21)}A`,
    worker: 'worker-2',
    keyset: otherDigest,
    model: 'huge',
    weights: `sha256:${otherDigest}`,
    ctx: otherDigest,
    request: otherDigest,
    transcript: otherDigest,
    channel: 'other',
  }

  test.each(Object.entries(others))('is refused where its %s is another', (member, other) => {
    expect(verify(signed(kind, { ...good, [member]: other }))).toEqual(bad(member))
    expect(verify(signed(kind, good), { [member]: other })).toEqual(bad(member))
  })

  test('is refused where weights are named on one side only', () => {
    expect(verify(signed(kind, { ...good, weights: null }))).toEqual(bad('weights'))
    expect(verify(signed(kind, good), { weights: null })).toEqual(bad('weights'))
    expect(verify(signed(kind, { ...good, weights: null }), { weights: null })).toBeUndefined()
  })

  test('is refused where the cost is not that of the usage, or is above cap', () => {
    for (const cost of ['0', '2', '4', '1000000']) expect(verify(signed(kind, { ...good, cost }))).toEqual(bad('cost'))
    expect(verify(signed(kind, good), { price: { ...price, completion: '900000' } })).toEqual(bad('cost'))
    expect(verify(signed(kind, good), { cap: '2' })).toEqual(bad('cost'))
    expect(verify(signed(kind, good), { cap: '4' })).toBeUndefined()
  })

  test.each(otherUnits)('counts %s where they have a price, and is refused where they have none', unit => {
    const used = { ...good, usage: { ...usage, [unit]: 2 }, cost: '5' }
    const changes = { price: { ...price, [unit]: '1000000' }, cap: '5', ...(kind === 'receipt' ? { usage: used.usage } : {}) }
    expect(verify(signed(kind, used), changes)).toBeUndefined()
    expect(verify(signed(kind, { ...used, cost: '3' }), changes)).toEqual(bad('cost'))
    expect(verify(signed(kind, { ...used, cost: '3' }), { ...changes, price })).toEqual(bad('usage'))
    expect(verify(signed(kind, { ...used, usage: { ...usage, [unit]: 0 }, cost: '3' }))).toEqual(bad('usage'))
    for (const wrong of [-1, 0.5, '2', null])
      expect(verify(signed(kind, { ...used, usage: { ...usage, [unit]: wrong } }), changes)).toEqual(bad(unit))
  })

  test('is refused where a member is not in its form', () => {
    const wrong: Record<string, readonly unknown[]> = {
      rid: ['', 'A'.repeat(21), 1, null],
      worker: ['', 1, null],
      keyset: ['', keyset.toUpperCase(), keyset.slice(2), null],
      model: ['', 1, null],
      weights: ['', '0'.repeat(64), 1],
      ctx: ['', ctx.toUpperCase(), `${ctx}00`, null],
      request: ['', request.slice(1), null],
      transcript: ['', `sha256:${transcript}`, null],
      cost: ['', '-3', '03', '3.0', 3, null],
      finish: ['', 'done', 0, true],
      channel: ['', 1, null],
      started: [-1, 0.5, `${now}`, null],
      ended: [-1, 0.5, now - 1, null],
    }
    for (const [member, values] of Object.entries(wrong)) {
      for (const value of values) expect([value, verify(signed(kind, { ...good, [member]: value }))]).toEqual([value, bad(member)])
    }
    for (const member of ['prompt', 'cached', 'completion', 'reasoning']) {
      for (const value of [-1, 0.5, '1', null, 2 ** 53])
        expect(verify(signed(kind, { ...good, usage: { ...usage, [member]: value } }))).toEqual(bad(member))
    }
  })

  test('has exactly its members', () => {
    for (const member of Object.keys(good)) {
      const { [member as keyof Receipt]: _, ...rest } = good
      expect(verify(signed(kind, rest))).toEqual(bad(member))
    }
    expect(verify(signed(kind, { ...good, more: 1 }))).toEqual(bad())
    expect(verify(signed(kind, { ...good, usage: { ...usage, more: 1 } }))).toEqual(bad())
    for (const text of ['', '{}', 'null', '[]', '"x"', '{']) expect(verify(signed(kind, text))).toMatchObject({ code: 'bad-receipt' })
  })

  test('has one spelling', () => {
    const text = JSON.stringify(good)
    for (const other of [
      ` ${text}`,
      `${text}\n`,
      text.replace(',', ', '),
      text.replace('"cost":"3"', '"cost":"3","cost":"3"'),
      text.replace('tiny', '\\u0074iny'),
    ])
      expect(verify(signed(kind, other))).toEqual(bad())
    expect(verify(signed(kind, text.replace(`"started":${now}`, '"started":18e11')))).toEqual(bad())
  })

  test('fills its frame', () => {
    const payload = signed(kind, good)
    for (let size = 0; size < payload.length; size += 7) expect(verify(payload.subarray(0, size))).toEqual(bad())
    expect(verify(payload.subarray(0, -1))).toEqual(bad())
    expect(verify(concat(payload, Buffer.of(0)))).toEqual(bad())
    const length = payload.readUInt16BE(0)
    for (const other of [0, length - 1, length + 1, 0xffff]) expect(verify(concat(u16(other), payload.subarray(2)))).toEqual(bad())
  })

  test('is signed by the key that was attested, over this text, for this purpose', () => {
    const payload = signed(kind, good)
    const bySignature = bad('signature')
    expect(verify(signed(kind, good, payerKey))).toEqual(bySignature)
    expect(verify(payload, {}, flipped(receiptPublicKey, 0, 1))).toEqual(bySignature)
    expect(verify(payload, {}, receiptPublicKey.subarray(1))).toEqual(bySignature)
    expect(verify(signed(kind === 'receipt' ? 'checkpoint' : 'receipt', good))).toEqual(bySignature)
    const json = utf8(JSON.stringify(good))
    expect(verify(statement(json.toString(), sign(null, json, receiptKey)))).toEqual(bySignature)
    for (let at = 2; at < payload.length; at += 3) expect(verify(flipped(payload, at, 0x04))).toEqual(bySignature)
  })

  test('has one signature: S is below the order of the group', () => {
    const order = 2n ** 252n + 27742317777372353535851937790883648493n
    const payload = signed(kind, good)
    const s = BigInt(`0x${toHex(Buffer.from(payload.subarray(-32)).reverse())}`)
    const higher = Buffer.from((s + order).toString(16).padStart(64, '0'), 'hex').reverse()
    expect(verify(concat(payload.subarray(0, -32), higher))).toEqual(bad('signature'))
  })
})

describe('a receipt, beyond a checkpoint,', () => {
  const verify = (value: Receipt, changes: Partial<ReceiptExpectation> = {}) =>
    failureOf(() => verifyReceipt(signed('receipt', value), receiptPublicKey, { ...expectedReceipt, ...changes }))

  test('has the finish and the usage that FINAL said', () => {
    for (const finish of ['length', 'budget', 'cancelled', 'error'] as Finish[]) {
      expect(verify({ ...receipt, finish })).toEqual({ code: 'bad-receipt', member: 'finish' })
      expect(verify({ ...receipt, finish }, { finish })).toBeUndefined()
    }
    for (const member of ['prompt', 'cached', 'completion', 'reasoning'] as const) {
      // Where a class is free, its counts leave the cost as it is: only the comparison with FINAL finds them out.
      const free = { ...price, [member]: '0' }
      const cost = costOf(usage, free).toString()
      expect(verify({ ...receipt, cost }, { price: free })).toBeUndefined()
      const more = { ...usage, [member]: usage[member] + 1 }
      expect(verify({ ...receipt, usage: more, cost }, { price: free })).toEqual({ code: 'bad-receipt', member: 'usage' })
    }
  })

  test('is checked by a relay without what FINAL said', () => {
    const relay = { usage: null, finish: null }
    expect(verify(receipt, relay)).toBeUndefined()
    expect(verify({ ...receipt, finish: 'error' }, relay)).toBeUndefined()
    expect(verify({ ...receipt, finish: null }, relay)).toEqual({ code: 'bad-receipt', member: 'finish' })
    expect(verify({ ...receipt, cost: '2' }, relay)).toEqual({ code: 'bad-receipt', member: 'cost' })
  })

  test('is no checkpoint, nor a checkpoint a receipt', () => {
    const member = { code: 'bad-receipt', member: 'finish' }
    expect(verify({ ...receipt, finish: null })).toEqual(member)
    const payload = signed('checkpoint', receipt)
    expect(failureOf(() => verifyCheckpoint(payload, receiptPublicKey, expectedCheckpoint))).toEqual(member)
  })
})

describe('signing a statement', () => {
  test('writes the members in one order, and only those', () => {
    const turned = Object.fromEntries(Object.entries(receipt).reverse()) as unknown as Receipt
    expect(signStatement(turned, receiptSigner)).toEqual(signStatement(receipt, receiptSigner))
    const turnedUsage = Object.fromEntries(Object.entries(usage).reverse()) as unknown as Receipt['usage']
    expect(signStatement({ ...receipt, usage: turnedUsage }, receiptSigner)).toEqual(signStatement(receipt, receiptSigner))
  })

  test('refuses what is longer than its length can say, and a member that is not in its form', () => {
    expect(failureOf(() => signStatement({ ...receipt, model: 'm'.repeat(66_000) }, receiptSigner))).toMatchObject({ code: 'too-large' })
    expect(failureOf(() => signStatement({ ...receipt, cost: '-1' }, receiptSigner))).toEqual({ code: 'malformed', member: 'cost' })
  })
})
