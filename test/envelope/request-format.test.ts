import { describe, expect, test } from 'vitest'
import { seal } from '../../src/envelope/aead.ts'
import { clearFrame, frame } from '../../src/envelope/frames.ts'
import {
  createSenderSession,
  defaultLimits,
  EnvelopeError,
  type EnvelopeErrorCode,
  kemX25519,
  kemXWing,
  problemOf,
  RequestOpener,
  recipientKeyPair,
} from '../../src/envelope/index.ts'
import type { AeadKeys } from '../../src/envelope/key-schedule.ts'
import { concat, u8, u16, u24, utf8 } from '../../src/lib/bytes.ts'
import { forge, json } from './forge-request.ts'
import { body, codeOf, flipped, freshReplay, keyringOf, pair, partsOf, sampleRequest, verdict } from './sample.ts'

describe('a request that breaks the format is refused', () => {
  test('unlike one that keeps to it', () => {
    expect(verdict(forge())).toBe('whole')
  })

  test('for another version, an unknown suite, or a ctx that is none', () => {
    expect(verdict(forge({ magic: 'CEP2' }))).toBe('malformed')
    for (const suite of [0, 3, 255]) expect(verdict(forge({ suite }))).toBe('malformed')
    expect(verdict(forge({ suite: 2 }))).toBe('does-not-open')
    for (const ctx of [Buffer.alloc(0), utf8('{}'), utf8('null'), utf8('[]')]) expect(verdict(forge({ ctx }))).toBe('malformed')
  })

  test('with no wrap, or with five', () => {
    const four = () => [0, 1, 2, 3].map(i => createSenderSession(pair(kemX25519, i)))
    expect(verdict(forge({ sessions: four() }))).toBe('whole')
    expect(verdict(forge({ sessions: [] }))).toBe('malformed')
    expect(verdict(forge({ count: 0 }))).toBe('malformed')
    expect(verdict(forge({ sessions: [...four(), createSenderSession(recipientKeyPair(kemX25519, Buffer.alloc(32, 8)))] }))).toBe(
      'malformed',
    )
    expect(verdict(forge({ count: 255 }))).toBe('malformed')
  })

  test('with one kid twice, whether it is held or not', () => {
    for (const i of [0, 3]) {
      const twice = [createSenderSession(pair(kemX25519, i)), createSenderSession(pair(kemX25519, i))]
      expect(verdict(forge({ sessions: twice }))).toBe('malformed')
    }
  })

  test('with an encapsulated key of a size that no KEM has, or of two KEMs', () => {
    expect(verdict(forge({ sessions: [createSenderSession(pair(kemX25519)), createSenderSession(pair(kemXWing))] }))).toBe('malformed')
    const { start, wraps, deks, frames } = partsOf(sampleRequest())
    for (const enc of [0, 31, 33, 1088, 1119, 1121]) {
      const wrap = concat(wraps[0]!.subarray(0, 8), u16(enc), Buffer.alloc(enc, 9))
      expect(verdict(concat(start, wrap, ...deks, ...frames))).toBe('malformed')
    }
    // The size of the other KEM, for a key of this one.
    expect(verdict(concat(start, wraps[0]!.subarray(0, 8), u16(1120), Buffer.alloc(1120, 9), ...deks, ...frames))).toBe('malformed')
  })

  test('with a frame of an unknown type, or of one that belongs elsewhere', () => {
    const [head, data, final] = [json({ content_type: 'a/b' }), body, Buffer.alloc(0)]
    for (const type of [2, 3, 5, 15]) {
      expect(verdict(forge({ frames: s => [s(type, head), s(0, data), s(1, final)] }))).toBe('malformed')
      expect(verdict(forge({ frames: s => [s(4, head), s(type, data), s(1, final)] }))).toBe('malformed')
      expect(verdict(forge({ frames: s => [s(4, head), s(0, data), s(type, final)] }))).toBe('malformed')
    }
    for (const type of [16, 17, 18, 19, 255]) {
      expect(verdict(forge({ frames: s => [s(4, head), clearFrame(type, data), s(1, final)] }))).toBe('malformed')
    }
  })

  test('without HEAD, with two, or with one that says more or less', () => {
    const [data, final] = [body, Buffer.alloc(0)]
    const withHead = (head: Buffer) => verdict(forge({ frames: s => [s(4, head), s(0, data), s(1, final)] }))
    expect(verdict(forge({ frames: s => [s(0, data), s(1, final)] }))).toBe('malformed')
    expect(verdict(forge({ frames: s => [s(1, final)] }))).toBe('malformed')
    expect(verdict(forge({ frames: s => [s(4, json({ content_type: 'a' })), s(4, json({ content_type: 'a' })), s(1, final)] }))).toBe(
      'malformed',
    )
    for (const head of [{}, { content_type: '' }, { content_type: 1 }, { content_type: 'a', more: 1 }])
      expect(withHead(json(head))).toBe('malformed')
    expect(withHead(utf8('{ "content_type":"a"}'))).toBe('malformed')
    expect(withHead(Buffer.alloc(0))).toBe('malformed')
  })

  test('with a FINAL that has content', () => {
    expect(verdict(forge({ frames: s => [s(4, json({ content_type: 'a/b' })), s(1, Buffer.of(0))] }))).toBe('malformed')
  })

  test('with padding that is not zero, or a length that passes the plaintext', () => {
    const sealRaw = (keys: AeadKeys, plaintext: Buffer) => {
      const start = concat(u8(frame.head), u24(plaintext.length + 16))
      const { ciphertext, tag } = seal(1, keys.key, keys.nonce, start, plaintext)
      return concat(start, ciphertext, tag)
    }
    const head = json({ content_type: 'a/b' })
    const start = (plaintext: Buffer) => forge({ frames: (_, keys) => [sealRaw(keys, plaintext)] })
    expect(verdict(start(concat(u24(head.length), head)))).toBe('truncated')
    expect(verdict(start(concat(u24(head.length), head, Buffer.alloc(9))))).toBe('truncated')
    expect(verdict(start(concat(u24(head.length), head, Buffer.of(0, 0, 1))))).toBe('malformed')
    expect(verdict(start(concat(u24(head.length + 1), head)))).toBe('malformed')
    expect(verdict(start(concat(u24(0xffffff), head)))).toBe('malformed')
    expect(verdict(forge({ frames: () => [concat(u8(4), u24(18), Buffer.alloc(18))] }))).toBe('malformed')
  })

  test('above the limits of a frame and of a body', () => {
    expect(verdict(forge({ frames: () => [concat(u8(4), u24(1024 * 1024 + 1))] }))).toBe('too-large')
    const limits = { maxPayload: 100, maxData: 10 }
    const attempt = (...sizes: number[]) => {
      const replay = freshReplay()
      const opener = new RequestOpener({ keyring: keyringOf(pair()), replay, limits })
      const head = json({ content_type: 'a' })
      const bytes = forge({ frames: s => [s(4, head), ...sizes.map(size => s(0, Buffer.alloc(size))), s(1, Buffer.alloc(0))] })
      const code = codeOf(() => {
        opener.push(bytes)
        opener.end()
      })
      expect(replay.size).toBe(code ? 0 : 1)
      return code
    }
    expect(attempt(10)).toBeUndefined()
    expect(attempt(5, 0, 5)).toBeUndefined()
    expect(attempt(11)).toBe('too-large')
    expect(attempt(5, 6)).toBe('too-large')
    expect(attempt(82)).toBe('too-large')
    expect(defaultLimits).toEqual({ maxPayload: 1_048_576, maxData: 67_108_864 })
  })
})

test('a defect is said again by every later call', () => {
  const opener = new RequestOpener({ keyring: keyringOf(pair()), replay: freshReplay() })
  const broken = flipped(sampleRequest().bytes, 0, 1)
  for (let i = 0; i < 3; i++) expect(codeOf(() => opener.push(broken))).toBe('malformed')
  expect(codeOf(() => opener.end())).toBe('malformed')
  expect(opener.context).toBeUndefined()
})

test('every refusal has its outer answer', () => {
  const problems: [EnvelopeErrorCode, string, number][] = [
    ['unknown-key', 'unknown-key', 409],
    ['replayed', 'replayed', 409],
    ['clock', 'clock', 400],
    ['malformed', 'malformed', 400],
    ['does-not-open', 'does-not-open', 400],
    ['truncated', 'truncated', 400],
    ['too-large', 'too-large', 413],
    ['bad-auth', 'bad-auth', 401],
    ['full', 'busy', 503],
    ['misuse', 'internal', 500],
    ['bad-receipt', 'internal', 500],
  ]
  for (const [code, name, status] of problems) {
    const problem = problemOf(new EnvelopeError(code, 'why'))
    expect(problem).toMatchObject({ type: `urn:chrysalis:${name}`, status })
    expect(problem.title).not.toBe('')
  }
})
