/** A large request, sealed and opened piece by piece. */
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RequestOpener, ResponseOpener } from '../../src/envelope/index.ts'
import { concat, sha256 } from '../../src/lib/bytes.ts'
import { codeOf, freshReplay, keyringOf, openRequest, pair, payerKey, readAnswer, sampleAnswer, sampleRequest } from './sample.ts'

const mebibyte = 1024 * 1024
const slice = 256 * 1024

describe('a request in pieces', () => {
  test('is one piece where it is small, and of pieces of at most a quarter of a MiB where it is not', () => {
    expect([...sampleRequest({ body: Buffer.alloc(1_000) }).pieces()]).toHaveLength(1)
    const sizes = [...sampleRequest({ body: Buffer.alloc(3 * mebibyte) }).pieces()].map(piece => piece.length)
    expect(sizes).toHaveLength(13)
    expect(Math.max(...sizes)).toBeLessThan(slice + 2_048)
  })

  test('tells its size before, whatever the body, the padding and the signature', () => {
    const edge = fc.integer({ min: -3, max: 3 }).map(off => slice - 3 + off)
    const size = fc.oneof(fc.integer({ min: 0, max: 2_000 }), edge, fc.constant(2 * (slice - 3)), fc.constant(700_000))
    const pad = fc.constantFrom('off', 'cells', 'steady')
    fc.assert(
      fc.property(size, pad, fc.boolean(), (length, padding, signed) => {
        const sealed = sampleRequest({ body: Buffer.alloc(length), context: { pad: padding }, ...(signed ? { payerKey } : {}) })
        expect(sealed.size).toBe(concat(...sealed.pieces()).length)
      }),
      { numRuns: 60 },
    )
  })

  test('is the same bytes each time, and those that are made at once', () => {
    const sealed = sampleRequest({ body: randomBytes(600_000), payerKey })
    const once = concat(...sealed.pieces())
    const digest = sealed.requestDigest
    expect(concat(...sealed.pieces()).equals(once)).toBe(true)
    expect(sealed.bytes.equals(once)).toBe(true)
    expect(sealed.requestDigest.equals(digest)).toBe(true)
    // q is over all but AUTH, which is 68 bytes.
    expect(sha256(once.subarray(0, -68)).equals(digest)).toBe(true)
  })

  test('has no digest, and takes no answer, before its last piece was taken', () => {
    const sealed = sampleRequest({ body: randomBytes(600_000) })
    const answer = concat(...sampleAnswer(openRequest(concat(...sealed.pieces()))))
    const again = sampleRequest({ body: randomBytes(600_000) })
    const pieces = again.pieces()
    pieces.next()
    expect(again.isWhole).toBe(false)
    expect(codeOf(() => again.requestDigest)).toBe('misuse')
    const opener = new ResponseOpener(again)
    expect(codeOf(() => opener.push(concat(answer.subarray(0, 4), pair().kid, answer.subarray(12))))).toBe('malformed')
    expect([...pieces]).toHaveLength(2)
    expect(again.isWhole).toBe(true)
    expect(readAnswer(sealed, answer).receipt).toBeDefined()
  })

  test('is not sealed where its body was given away meanwhile', () => {
    const body = new Uint8Array(1_000)
    const sealed = sampleRequest({ body })
    structuredClone(body, { transfer: [body.buffer] })
    expect(codeOf(() => sealed.bytes)).toBe('misuse')
  })

  test.each([undefined, 10, 3 * mebibyte, 500 * mebibyte])(
    'opens to one body in a buffer of its own, however much was expected (%s)',
    expectedBytes => {
      const body = randomBytes(3 * mebibyte)
      const opener = new RequestOpener({ keyring: keyringOf(pair()), replay: freshReplay(), expectedBytes })
      for (const piece of sampleRequest({ body }).pieces())
        for (let at = 0; at < piece.length; at += 65_536) opener.push(Buffer.from(piece.subarray(at, at + 65_536)))
      const opened = opener.end().body
      expect(opened.equals(body)).toBe(true)
      expect(structuredClone(opened, { transfer: [opened.buffer as ArrayBuffer] }).length).toBe(body.length)
    },
  )
})
