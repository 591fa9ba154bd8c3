/**
 * The vectors of the format (test/vectors/envelope), made by this code and held to it byte for byte. What is random in an
 * envelope is an input here, but for the ML-KEM half of an X-Wing encapsulation: OpenSSL draws that by itself, so `enc` is
 * taken from the file, and what follows from it is checked. `UPDATE_VECTORS=1` writes the files anew.
 */
import { hkdfSync } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createSenderSession, kemX25519, kemXWing, type OpenedRequest, recipientKeyPair, SenderSession } from '../../src/envelope/index.ts'
import { concat, fromHex, toHex, utf8 } from '../../src/lib/bytes.ts'
import { codeOf, flipped, keyringOf, openRequest, readAnswer } from './sample.ts'
import { makeVectors, resealed, scenarios, type VectorCase, type VectorFile, vectorKeys } from './vectors.ts'

const folder = new URL('../vectors/envelope/', import.meta.url)
const files = [
  { name: 'aes-256-gcm-x-wing.json', suite: 1, kem: kemXWing },
  { name: 'aes-256-gcm-x25519.json', suite: 1, kem: kemX25519 },
  { name: 'chacha20-poly1305-x-wing.json', suite: 2, kem: kemXWing },
  { name: 'chacha20-poly1305-x25519.json', suite: 2, kem: kemX25519 },
] as const

const hkdf = (salt: string, key: string | Buffer, info: string | Buffer, size: number) =>
  toHex(Buffer.from(hkdfSync('sha256', typeof key === 'string' ? fromHex(key) : key, fromHex(salt), info, size)))

describe.each(files)('the vectors in $name', ({ name, suite, kem }) => {
  const file = new URL(name, folder)
  const old = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as VectorFile) : undefined
  /** The encapsulations in the file, or fresh ones where it has none. */
  const encapsulations = scenarios.map(({ to }, i) =>
    to.map((key, j) => {
      const kept = old?.cases[i]?.wraps[j]
      return kept ? fromHex(kept.enc) : createSenderSession(vectorKeys(kem)[key]!).enc
    }),
  )
  const made = makeVectors(suite, kem, encapsulations)
  const text = `${JSON.stringify(made, null, 2)}\n`
  if (process.env.UPDATE_VECTORS === '1') writeFileSync(file, text)
  const stored = readFileSync(file, 'utf8')
  const vectors = JSON.parse(stored) as VectorFile
  const pairs = vectors.keys.map(key => recipientKeyPair(vectors.kem, fromHex(key.seed, 32)))

  /** The request of a case as the worker of `answeredBy` opens it. */
  const open = (vector: VectorCase, bytes = fromHex(vector.request)): OpenedRequest =>
    openRequest(bytes, { keyring: keyringOf(pairs[vector.answeredBy]!) })

  test('are made again, byte for byte', () => {
    expect(text).toBe(stored)
    expect(vectors).toMatchObject({ suite, kem })
  })

  test('have keys that follow from their seeds', () => {
    for (const [i, key] of vectors.keys.entries()) {
      expect([toHex(pairs[i]!.publicKey), toHex(pairs[i]!.kid)]).toEqual([key.publicKey, key.kid])
    }
  })

  test.each(scenarios.map((scenario, i) => ({ title: scenario.name, i })))('open: $title', ({ i }) => {
    const vector = vectors.cases[i]!
    const opened = open(vector)
    expect(opened).toMatchObject({ context: vector.context, contentType: vector.contentType, suite: vectors.suite })
    expect([toHex(opened.body), toHex(opened.contextDigest), toHex(opened.requestDigest)]).toEqual([vector.body, vector.c, vector.q])
    expect(opened.payerVerified).toBe(vector.context.payer !== null)

    const request = resealed(vectors, vector)
    expect(toHex(request.bytes)).toBe(vector.request)
    const answer = readAnswer(request, fromHex(vector.response), [1000])
    expect(toHex(answer.body)).toBe(vector.answer.data.join(''))
    expect({ finish: answer.finish, usage: answer.usage }).toEqual({ finish: vector.answer.finish, usage: vector.answer.usage })
    expect(JSON.stringify(answer.receipt)).toBe(vector.receipt)
  })

  test.each(scenarios.map((scenario, i) => ({ title: scenario.name, i })))('derive by plain HKDF: $title', ({ i }) => {
    const { c, q, rn, dek, wraps, requestKeys, responseKeys, answeredBy } = vectors.cases[i]!
    for (const { key, enc, session, dekKey, dekNonce } of wraps) {
      const found = keyringOf(pairs[key]!).session(pairs[key]!.kid, fromHex(enc))
      expect(toHex(found.secret)).toBe(session)
      expect([hkdf(c, session, 'dek key', 32), hkdf(c, session, 'dek nonce', 12)]).toEqual([dekKey, dekNonce])
    }
    expect({ key: hkdf(c, dek, 'request key', 32), nonce: hkdf(c, dek, 'request nonce', 12) }).toEqual(requestKeys)
    const { enc, session } = wraps.find(wrap => wrap.key === answeredBy)!
    const secret = hkdf(c, session, concat(utf8('response'), fromHex(q)), 32)
    const salt = enc + rn
    expect({ secret, key: hkdf(salt, secret, 'response key', 32), nonce: hkdf(salt, secret, 'response nonce', 12) }).toEqual(responseKeys)
  })

  test('are refused with one byte changed, in the way they say', () => {
    for (const vector of vectors.cases) {
      const request = resealed(vectors, vector)
      expect(toHex(request.bytes)).toBe(vector.request)
      expect(vector.refused.map(({ of }) => of)).toContain('response')
      for (const { of, at, xor, code } of vector.refused) {
        const bytes = flipped(fromHex(vector[of]), at, xor)
        expect(codeOf(() => (of === 'request' ? open(vector, bytes) : readAnswer(request, bytes)))).toBe(code)
      }
    }
  })

  if (kem === kemX25519) {
    test('have encapsulations that follow from their ephemeral keys', () => {
      for (const vector of vectors.cases) {
        for (const { key, ephemeral, enc, session } of vector.wraps) {
          const made = createSenderSession(pairs[key]!, () => fromHex(ephemeral!))
          expect([toHex(made.enc), toHex(made.serve('once'))]).toEqual([enc, session])
          expect(made).toBeInstanceOf(SenderSession)
        }
      }
    })
  }
})
