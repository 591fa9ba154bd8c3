import { sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  EnvelopeError,
  kemX25519,
  type ResponseEvent,
  ResponseOpener,
  ResponseSealer,
  type SealedRequest,
} from '../../src/envelope/index.ts'
import { concat, fromHex, utf8 } from '../../src/lib/bytes.ts'
import { AnswerForger } from './forge-answer.ts'
import {
  codeOf,
  disturbed,
  failureOf,
  flipped,
  keyringOf,
  keyset,
  now,
  openRequest,
  pair,
  payerKey,
  readAnswer,
  sampleAnswer,
  sampleRequest,
  sealerFor,
  seededRandom,
  usageAt,
  worker,
} from './sample.ts'

const sealed = sampleRequest({ payerKey })
const opened = openRequest(sealed.bytes)
const parts = sampleAnswer(opened)
const whole = concat(...parts)
const text = readAnswer(sealed, whole).body.toString()
const [preamble, ...frames] = parts as [Buffer, ...Buffer[]]

/** The text that comes out before the end, or before the first defect. */
function textBefore(request: SealedRequest, bytes: Buffer): string {
  const opener = new ResponseOpener(request)
  let events: ResponseEvent[] = []
  try {
    events = opener.push(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(EnvelopeError)
  }
  return concat(...events.flatMap(event => (event.type === 'data' ? [event.bytes] : []))).toString()
}

describe('an answer changed on the way is an error, and nothing false comes out of it', () => {
  test('with any byte changed', () => {
    for (let at = 0; at < whole.length; at++) {
      for (const mask of [0x01, 0x80]) {
        const changed = flipped(whole, at, mask)
        expect(codeOf(() => readAnswer(sealed, changed))).toBeDefined()
        expect(text.startsWith(textBefore(sealed, changed))).toBe(true)
      }
    }
  })

  test('with any bit of its sealed frames turned over', () => {
    const tiny = new AnswerForger(opened).head().data('x').final(usageAt(0))
    const last = tiny.bytes.length
    const bytes = tiny.receipt(usageAt(0)).bytes
    expect(codeOf(() => readAnswer(sealed, bytes))).toBeUndefined()
    for (let bit = 0; bit < last * 8; bit++)
      expect(codeOf(() => readAnswer(sealed, flipped(bytes, bit >> 3, 1 << (bit & 7))))).toBeDefined()
  })

  test('cut at any length: only after FINAL is the text known to be whole', () => {
    const final = whole.length - parts.at(-1)!.length
    for (let size = 0; size < whole.length; size++) {
      const cut = whole.subarray(0, size)
      expect(codeOf(() => readAnswer(sealed, cut))).toBe(size < final ? 'truncated' : 'receipt-missing')
      expect(text.startsWith(textBefore(sealed, cut))).toBe(true)
    }
  })

  test('with frames swapped, dropped or repeated', () => {
    for (const changed of disturbed(frames)) {
      const bytes = concat(preamble, ...changed)
      expect(codeOf(() => readAnswer(sealed, bytes))).toBeDefined()
      expect(text.startsWith(textBefore(sealed, bytes))).toBe(true)
    }
  })

  test('with anything after RECEIPT', () => {
    for (const more of [Buffer.of(0), ...frames]) {
      expect(codeOf(() => readAnswer(sealed, concat(whole, more)))).toBe('malformed')
      const opener = new ResponseOpener(sealed)
      opener.push(whole)
      expect(codeOf(() => opener.push(more))).toBe('malformed')
      expect(codeOf(() => opener.end())).toBe('malformed')
    }
  })

  test('without its checkpoints: the receipt is over them too', () => {
    const without = [0, 2, 3, 5, 6, 7].map(i => frames[i]!)
    expect(failureOf(() => readAnswer(sealed, concat(preamble, ...without)))).toEqual({ code: 'bad-receipt', member: 'transcript' })
  })

  test('with a checkpoint moved: it is over what was sent before it', () => {
    const moved = frames.toSpliced(4, 1).toSpliced(5, 0, frames[4]!)
    expect(failureOf(() => readAnswer(sealed, concat(preamble, ...moved)))).toEqual({ code: 'bad-receipt', member: 'transcript' })
  })

  test('with frames of another answer to the same request', () => {
    const others = sampleAnswer(opened).slice(1)
    for (const [i, other] of others.entries())
      expect(codeOf(() => readAnswer(sealed, concat(preamble, ...frames.with(i, other))))).toBeDefined()
    expect(codeOf(() => readAnswer(sealed, concat(preamble, ...others)))).toBe('does-not-open')
  })
})

describe('an answer that was not made for this request, or not by this worker, does not open', () => {
  test('where it answers another request to the same worker', () => {
    const other = sampleRequest({ payerKey })
    expect(other.bytes.length).toBe(other.size)
    expect(codeOf(() => readAnswer(other, whole))).toBe('does-not-open')
  })

  test('where it answers the same words under the same rid, sealed another time', () => {
    const one = sampleRequest({ context: { rid: 'A'.repeat(22) } })
    const two = sampleRequest({ context: { rid: 'A'.repeat(22) } })
    expect(one.context).toEqual(two.context)
    expect(one.bytes.length).toBe(two.bytes.length)
    expect(codeOf(() => readAnswer(two, concat(...sampleAnswer(openRequest(one.bytes)))))).toBe('does-not-open')
  })

  test('where it is under a kid the request does not name', () => {
    const foreign = flipped(whole, 4, 1)
    expect(codeOf(() => readAnswer(sealed, foreign))).toBe('does-not-open')
  })

  test('where another worker of the same request answers under the name of the first', () => {
    const both = sampleRequest({ to: [0, 1] })
    const second = openRequest(both.bytes, { keyring: keyringOf(pair(kemX25519, 1)) })
    expect(codeOf(() => readAnswer(both, concat(...sampleAnswer(second))))).toBeUndefined()
    const kid = pair(kemX25519, 0).kid
    const renamed = Buffer.concat(sampleAnswer(second))
    renamed.set(kid, 4)
    expect(codeOf(() => readAnswer(both, renamed))).toBe('does-not-open')
    expect(codeOf(() => readAnswer(both, new AnswerForger(second, Buffer.from(kid).toString('hex')).head().bytes))).toBe('does-not-open')
  })

  test('or is refused where its receipt is by the key of another worker', () => {
    const receipt = { sign: (bytes: Uint8Array) => sign(null, bytes, payerKey) }
    const sealer = new ResponseSealer({ request: opened, receipt, worker, keyset, started: now, now: () => now })
    const bytes = concat(sealer.preamble(), sealer.head(200, 'a/b'), sealer.final('stop', usageAt(0)), sealer.receipt())
    expect(failureOf(() => readAnswer(sealed, bytes))).toEqual({ code: 'bad-receipt', member: 'signature' })
  })
})

describe('the order of frames', () => {
  const usage = usageAt(1)
  const forge = () => new AnswerForger(opened)
  const code = (forger: AnswerForger) => codeOf(() => readAnswer(sealed, forger.bytes))

  test('is HEAD DATA* FINAL RECEIPT or [HEAD DATA*] ERROR RECEIPT, with checkpoints between', () => {
    expect(code(forge().head().final(usage).receipt(usage))).toBeUndefined()
    expect(code(forge().head().data('a').checkpoint(usage).data('b').checkpoint(usage).final(usage).receipt(usage))).toBeUndefined()
    expect(code(forge().error(usage).receipt(usage, 'error'))).toBeUndefined()
    expect(code(forge().head().data('a').checkpoint(usage).error(usage).receipt(usage, 'error'))).toBeUndefined()
  })

  test('has HEAD or ERROR first, and HEAD once', () => {
    expect(code(forge().data('a').head().final(usage).receipt(usage))).toBe('malformed')
    expect(code(forge().final(usage).receipt(usage))).toBe('malformed')
    expect(code(forge().receipt(usage))).toBe('malformed')
    expect(code(forge().head().head().final(usage).receipt(usage))).toBe('malformed')
  })

  test('has FINAL or ERROR last, one of them, and then RECEIPT', () => {
    expect(code(forge().head().receipt(usage))).toBe('malformed')
    expect(code(forge().head().data('a').receipt(usage))).toBe('malformed')
    expect(code(forge().head().data('a'))).toBe('truncated')
    expect(code(forge().head().final(usage))).toBe('receipt-missing')
    expect(code(forge().error(usage))).toBe('receipt-missing')
    expect(code(forge().head().final(usage).final(usage).receipt(usage))).toBe('malformed')
    expect(code(forge().head().final(usage).error(usage).receipt(usage, 'error'))).toBe('malformed')
    expect(code(forge().head().final(usage).data('a').receipt(usage))).toBe('malformed')
    expect(code(forge().error(usage).head().final(usage).receipt(usage))).toBe('malformed')
    expect(code(forge().error(usage).data('a').receipt(usage, 'error'))).toBe('malformed')
  })

  test('has no checkpoint before HEAD, or after FINAL or ERROR', () => {
    expect(code(forge().checkpoint(usage).head().final(usage).receipt(usage))).toBe('malformed')
    expect(code(forge().checkpoint(usage).error(usage).receipt(usage, 'error'))).toBe('malformed')
    expect(code(forge().head().final(usage).checkpoint(usage).receipt(usage))).toBe('malformed')
    expect(code(forge().head().error(usage).checkpoint(usage).receipt(usage, 'error'))).toBe('malformed')
    expect(code(forge().head().final(usage).receipt(usage).checkpoint(usage))).toBe('malformed')
  })

  test('has no frame of an unknown type, and no AUTH', () => {
    for (const type of [3, 5, 15]) expect(code(forge().head().sealed(type, utf8('a')).final(usage).receipt(usage))).toBe('malformed')
    for (const type of [18, 19, 255])
      expect(
        code(
          forge()
            .head()
            .raw(fromHex(`${type.toString(16)}000000`))
            .final(usage),
        ),
      ).toBe('malformed')
  })
})

test('what opened before a defect is handed over first, and the defect by every later call', () => {
  const opener = new ResponseOpener(sealed)
  const broken = flipped(whole, concat(...parts.slice(0, 5)).length - 1, 1)
  expect(opener.push(broken).map(event => event.type)).toEqual(['head', 'checkpoint', 'data'])
  expect(opener.failure).toMatchObject({ code: 'does-not-open' })
  for (let i = 0; i < 2; i++) expect(codeOf(() => opener.push(Buffer.alloc(0)))).toBe('does-not-open')
  expect(codeOf(() => opener.end())).toBe('does-not-open')
})

test('an answer is other bytes each time, under the same words', () => {
  const again = concat(...sampleAnswer(opened))
  expect(again.equals(whole)).toBe(false)
  expect(again.length).toBe(whole.length)
  const twice = [0, 1].map(() => concat(...sampleAnswer(opened, seededRandom('rn'))))
  expect(twice[0]).toEqual(twice[1])
  expect(sealerFor(opened).preamble().subarray(0, 12)).toEqual(whole.subarray(0, 12))
})
