import { describe, expect, test } from 'vitest'
import { clearFrame, frame } from '../../src/envelope/frames.ts'
import { kemXWing, RequestOpener, type SealedRequest } from '../../src/envelope/index.ts'
import { concat } from '../../src/lib/bytes.ts'
import { forge } from './forge-request.ts'
import {
  codeOf,
  disturbed,
  flipped,
  freshReplay,
  keyringOf,
  openRequest,
  pair,
  partsOf,
  payerKey,
  readAnswer,
  sampleAnswer,
  sampleRequest,
  verdict,
} from './sample.ts'

const long = Buffer.alloc(700_000, 1)

describe('a request changed on the way never becomes whole', () => {
  test('with any bit turned over', () => {
    for (const suite of [1, 2] as const) {
      const { bytes } = sampleRequest({ suite, payerKey })
      expect(verdict(bytes)).toBe('whole')
      for (let bit = 0; bit < bytes.length * 8; bit++) expect(verdict(flipped(bytes, bit >> 3, 1 << (bit & 7)))).not.toBe('whole')
    }
  })

  test('with any byte changed, under X-Wing', () => {
    const { bytes } = sampleRequest({ kem: kemXWing, payerKey, context: { pad: 'cells' } })
    expect(verdict(bytes)).toBe('whole')
    for (let at = 0; at < bytes.length; at++) for (const mask of [0x01, 0xff]) expect(verdict(flipped(bytes, at, mask))).not.toBe('whole')
  })

  test('cut at any length', () => {
    const { bytes } = sampleRequest({ payerKey })
    for (let size = 0; size < bytes.length; size++) expect(verdict(bytes.subarray(0, size))).toBe('truncated')
  })

  test('with bytes after its end, in the same chunk or a later one', () => {
    for (const { bytes } of [sampleRequest(), sampleRequest({ payerKey })]) {
      expect(verdict(concat(bytes, Buffer.of(0)))).toBe('malformed')
      expect(verdict(concat(bytes, bytes))).toBe('malformed')
      const replay = freshReplay()
      const opener = new RequestOpener({ keyring: keyringOf(pair()), replay })
      opener.push(bytes)
      expect(codeOf(() => opener.push(Buffer.of(0)))).toBe('malformed')
      expect(codeOf(() => opener.end())).toBe('malformed')
      expect(replay.size).toBe(0)
    }
  })

  test('with frames swapped, dropped or repeated', () => {
    const { start, wraps, deks, frames } = partsOf(sampleRequest({ body: long, payerKey }))
    expect(frames).toHaveLength(6)
    expect(verdict(concat(start, ...wraps, ...deks, ...frames))).toBe('whole')
    for (const changed of disturbed(frames)) expect(verdict(concat(start, ...wraps, ...deks, ...changed))).not.toBe('whole')
  })

  test('with frames of another request', () => {
    const session = (request: SealedRequest) => partsOf(request)
    const one = session(sampleRequest())
    const two = session(sampleRequest())
    for (let i = 0; i < one.frames.length; i++) {
      const mixed = one.frames.with(i, two.frames[i]!)
      expect(verdict(concat(one.start, ...one.wraps, ...one.deks, ...mixed))).toBe('does-not-open')
    }
    expect(verdict(concat(one.start, ...one.wraps, ...two.deks, ...two.frames))).toBe('does-not-open')
    expect(verdict(concat(one.start, ...two.wraps, ...two.deks, ...one.frames))).toBe('does-not-open')
  })

  test('with the wraps in another order, or with one taken out', () => {
    const { start, wraps, deks, frames } = partsOf(sampleRequest({ to: [0, 1, 2] }))
    const whole = (w: Buffer[], d: Buffer[]) => verdict(concat(flipped(start, 5, 3 ^ w.length), ...w, ...d, ...frames))
    expect(whole(wraps, deks)).toBe('whole')
    expect(whole(wraps.toReversed(), deks.toReversed())).toBe('does-not-open')
    expect(whole(wraps.slice(0, 2), deks.slice(0, 2))).toBe('does-not-open')
    expect(whole(wraps, deks.toReversed())).toBe('does-not-open')
  })
})

describe('the part of a request that another worker would open', () => {
  test('changes q: the worker may answer, but the answer does not open', () => {
    const sealed = sampleRequest({ to: [0, 1] })
    const { start, wraps, deks, frames } = partsOf(sealed)
    const opened = openRequest(concat(start, ...wraps, deks[0]!, flipped(deks[1]!, 0, 1), ...frames))
    expect(opened.requestDigest).not.toEqual(sealed.requestDigest)
    expect(codeOf(() => readAnswer(sealed, concat(...sampleAnswer(opened))))).toBe('does-not-open')
  })

  test("does not stand under the payer's signature", () => {
    const { start, wraps, deks, frames } = partsOf(sampleRequest({ to: [0, 1], payerKey }))
    expect(verdict(concat(start, ...wraps, deks[0]!, flipped(deks[1]!, 0, 1), ...frames))).toBe('bad-auth')
  })
})

describe('AUTH', () => {
  const signed = partsOf(sampleRequest({ payerKey }))
  const before = concat(signed.start, ...signed.wraps, ...signed.deks, ...signed.frames.slice(0, -1))
  const auth = signed.frames.at(-1)!

  test('is over this very request', () => {
    expect(verdict(concat(before, auth))).toBe('whole')
    expect(verdict(concat(before, partsOf(sampleRequest({ payerKey })).frames.at(-1)!))).toBe('bad-auth')
    expect(verdict(concat(before, clearFrame(frame.auth, Buffer.alloc(64))))).toBe('bad-auth')
  })

  test('is by the key that ctx names', () => {
    const other = Buffer.alloc(32, 9).toString('base64url')
    const forged = forge({ context: { payer: other }, after: () => [auth] })
    expect(verdict(forged)).toBe('bad-auth')
  })

  test('is there where ctx names a payer, and only there', () => {
    expect(verdict(before)).toBe('truncated')
    expect(verdict(concat(sampleRequest().bytes, auth))).toBe('malformed')
    expect(verdict(concat(before, clearFrame(frame.receipt, auth.subarray(4))))).toBe('malformed')
  })

  test('fills its frame with 64 bytes', () => {
    for (const size of [0, 63, 65]) expect(verdict(concat(before, clearFrame(frame.auth, Buffer.alloc(size))))).toBe('malformed')
  })
})
