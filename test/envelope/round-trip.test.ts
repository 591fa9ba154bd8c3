import { createPublicKey, createSecretKey, generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  costOf,
  createSenderSession,
  kemX25519,
  kemXWing,
  newRid,
  type PaddingMode,
  ResponseOpener,
  type Suite,
  sealRequest,
} from '../../src/envelope/index.ts'
import { concat, toHex, utf8 } from '../../src/lib/bytes.ts'
import {
  body,
  codeOf,
  keyringOf,
  keyset,
  nothing,
  now,
  openRequest,
  pair,
  payer,
  payerKey,
  readAnswer,
  sampleAnswer,
  sampleContext,
  sampleRequest,
  sealerFor,
  usageAt,
  worker,
} from './sample.ts'

const choices = fc.record({
  suite: fc.constantFrom<Suite>(1, 2),
  kem: fc.constantFrom(kemXWing, kemX25519),
  pad: fc.constantFrom<PaddingMode>('off', 'cells', 'steady'),
  wraps: fc.integer({ min: 1, max: 4 }),
  holder: fc.nat({ max: 3 }),
  signed: fc.boolean(),
  body: fc.uint8Array({ maxLength: 3000 }),
  answer: fc.array(fc.uint8Array({ maxLength: 2100 }), { maxLength: 5 }),
  sizes: fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 }),
})

describe('a round trip', () => {
  test('brings any body and any answer over, in any chunks, by any suite, KEM, padding and number of wraps', () => {
    fc.assert(
      fc.property(choices, ({ suite, kem, pad, wraps, holder, signed, body, answer, sizes }) => {
        const chosen = holder % wraps
        const sealed = sampleRequest({
          suite,
          kem,
          body,
          to: [0, 1, 2, 3].slice(0, wraps),
          context: { rid: newRid(), pad },
          ...(signed ? { payerKey } : {}),
        })
        const opened = openRequest(sealed.bytes, { keyring: keyringOf(pair(kem, chosen)), sizes })
        expect(opened.body).toEqual(Buffer.from(body))
        expect(opened).toMatchObject({
          contentType: 'application/json',
          context: sealed.context,
          suite,
          payerVerified: signed,
          kid: toHex(pair(kem, chosen).kid),
          contextDigest: sealed.contextDigest,
          requestDigest: sealed.requestDigest,
        })
        expect(opened.auth?.length).toBe(signed ? 64 : undefined)

        const sealer = sealerFor(opened)
        const parts = [sealer.preamble(), sealer.head(201, 'text/plain')]
        for (const [i, bytes] of answer.entries()) parts.push(sealer.data(bytes), sealer.checkpoint(usageAt(i)))
        parts.push(sealer.final('length', usageAt(answer.length)), sealer.receipt())
        const read = readAnswer(sealed, concat(...parts), sizes)
        expect(read).toMatchObject({ status: 201, contentType: 'text/plain', finish: 'length', usage: usageAt(answer.length) })
        expect(read.body).toEqual(concat(...answer))
        expect(read.checkpoints.map(checkpoint => checkpoint.usage.completion)).toEqual(answer.map((_, i) => i))
        expect(read.receipt).toEqual({
          ...{ rid: sealed.rid, worker, keyset, model: 'tiny', weights: sealed.context.weights, channel: sealed.context.channel },
          ...{ ctx: toHex(sealed.contextDigest), request: toHex(sealed.requestDigest), transcript: read.receipt.transcript },
          ...{ usage: usageAt(answer.length), cost: costOf(usageAt(answer.length), sealed.context.price).toString(), finish: 'length' },
          ...{ started: now + 5, ended: now + 25 },
        })
      }),
      { numRuns: 150 },
    )
  })

  test('does not depend on where the pieces end, down to single bytes', () => {
    const sealed = sampleRequest({ payerKey, context: { pad: 'cells' } })
    const opened = openRequest(sealed.bytes, { sizes: [1] })
    expect(opened.body).toEqual(body)
    const answer = readAnswer(sealed, concat(...sampleAnswer(opened)), [1])
    expect(answer.body.toString()).toBe('data: one\n\ndata: two\n\ndata: [DONE]\n\n')
    expect(answer.checkpoints).toHaveLength(2)
  })

  test('brings an ERROR in place of HEAD, and one in place of FINAL', () => {
    const error = { message: 'no room', type: 'server_error', param: null, code: 'overloaded' }
    for (const late of [false, true]) {
      const sealed = sampleRequest()
      const sealer = sealerFor(openRequest(sealed.bytes))
      const parts = [sealer.preamble()]
      if (late) parts.push(sealer.head(200, 'text/plain'), sealer.data(utf8('so far')), sealer.checkpoint(usageAt(1)))
      const usage = late ? usageAt(1) : nothing
      parts.push(sealer.error(503, error, usage), sealer.receipt())
      const answer = readAnswer(sealed, concat(...parts))
      expect(answer).toMatchObject({ status: 503, error, finish: 'error', usage })
      expect(answer.receipt).toMatchObject({ finish: 'error', usage, cost: late ? '2' : '0' })
      expect(answer.body.toString()).toBe(late ? 'so far' : '')
    }
  })

  test('brings bodies longer than one frame over, both ways', () => {
    const long = Buffer.alloc(2_500_000, 'chrysalis')
    for (const pad of ['off', 'cells', 'steady'] as const) {
      const sealed = sampleRequest({ body: long, context: { pad } })
      const opened = openRequest(sealed.bytes, { sizes: [65_536] })
      expect(opened.body.equals(long)).toBe(true)
      const sealer = sealerFor(opened)
      const parts = [sealer.preamble(), sealer.head(200, 'a/b'), sealer.data(long), sealer.final('stop', nothing), sealer.receipt()]
      expect(readAnswer(sealed, concat(...parts), [65_536]).body.equals(long)).toBe(true)
    }
  })

  test('is answered by the first wrap that the worker holds', () => {
    const sealed = sampleRequest({ to: [2, 1, 0] })
    const held = keyringOf(pair(kemX25519, 0), pair(kemX25519, 1))
    expect(openRequest(sealed.bytes, { keyring: held }).kid).toBe(toHex(pair(kemX25519, 1).kid))
    const opener = new ResponseOpener(sealed)
    expect(opener.kid).toBeUndefined()
    opener.push(concat(...sampleAnswer(openRequest(sealed.bytes, { keyring: held }))))
    expect(opener.kid).toBe(toHex(pair(kemX25519, 1).kid))
  })

  test('lets one session serve many requests, each under its own rid', () => {
    for (const kem of [kemXWing, kemX25519]) {
      const session = createSenderSession(pair(kem))
      const keyring = keyringOf(pair(kem))
      for (let i = 0; i < 5; i++) {
        const options = { context: sampleContext({ rid: newRid() }), sessions: [session], contentType: 'a/b', body: utf8(`${i}`) }
        expect(openRequest(sealRequest(options).bytes, { keyring }).body.toString()).toBe(`${i}`)
      }
    }
  })
})

describe('sealing a request is refused', () => {
  const session = (kem: number, index = 0) => createSenderSession(pair(kem, index))
  const attempt = (changes: Partial<Parameters<typeof sealRequest>[0]>) =>
    codeOf(() => sealRequest({ context: sampleContext(), sessions: [session(kemX25519)], contentType: 'a/b', body, ...changes }))

  test('to nobody, to five, to one key twice, or under two KEMs', () => {
    expect(attempt({})).toBeUndefined()
    expect(attempt({ sessions: [] })).toBe('misuse')
    expect(attempt({ sessions: [0, 1, 2, 3, 0].map(i => session(kemX25519, i)) })).toBe('misuse')
    expect(attempt({ sessions: [session(kemX25519), session(kemX25519)] })).toBe('misuse')
    expect(attempt({ sessions: [session(kemX25519), session(kemXWing)] })).toBe('misuse')
  })

  test('where the payer and the key that signs do not fit', () => {
    expect(attempt({ context: sampleContext({ payer }), payerKey })).toBeUndefined()
    expect(attempt({ context: sampleContext({ payer }) })).toBe('misuse')
    expect(attempt({ payerKey })).toBe('misuse')
    expect(attempt({ context: sampleContext({ payer: `A${payer.slice(1)}` }), payerKey })).toBe('misuse')
  })

  test('where the key that signs is of another kind, or a public one', () => {
    const other = generateKeyPairSync('x25519').privateKey
    expect(attempt({ context: sampleContext({ payer }), payerKey: other })).toBe('misuse')
    expect(attempt({ context: sampleContext({ payer }), payerKey: createPublicKey(payerKey) })).toBe('misuse')
    expect(attempt({ payerKey: createSecretKey(Buffer.alloc(32)) })).toBe('misuse')
  })

  test('for a body above 64 MiB, a context above 65535 bytes, and no content type', () => {
    expect(attempt({ body: Buffer.alloc(64 * 1024 * 1024 + 1) })).toBe('too-large')
    expect(attempt({ context: sampleContext({ model: 'm'.repeat(65_536) }) })).toBe('too-large')
    expect(attempt({ contentType: '' })).toBe('malformed')
  })
})
