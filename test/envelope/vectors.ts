/** Makes the files of test/vectors/envelope from fixed seeds. */

import { expand } from '../../src/envelope/hkdf.ts'
import type { RecipientKeyPair } from '../../src/envelope/index.ts'
import {
  createSenderSession,
  type EnvelopeErrorCode,
  type Finish,
  kemX25519,
  type RequestContext,
  recipientKeyPair,
  type SealedRequest,
  SenderSession,
  type Suite,
  sealRequest,
  type Usage,
} from '../../src/envelope/index.ts'
import { type AeadKeys, requestKeys, responseKeys, wrapKeys } from '../../src/envelope/key-schedule.ts'
import { sessionInfo } from '../../src/envelope/sender-session.ts'
import { concat, fromHex, toBase64url, toHex, utf8 } from '../../src/lib/bytes.ts'
import { ed25519PrivateKey, ed25519RawPublicKey } from '../../src/lib/ed25519.ts'
import { keyringOf, keyset, now, openRequest, payer, payerKey, sampleContext, sealerFor, seededRandom, usageAt, worker } from './sample.ts'

export interface VectorFile {
  readonly source: string
  readonly suite: Suite
  readonly kem: number
  readonly keys: readonly { readonly seed: string; readonly publicKey: string; readonly kid: string }[]
  readonly receiptKey: { readonly seed: string; readonly publicKey: string }
  readonly payerKey: { readonly seed: string; readonly publicKey: string }
  readonly worker: string
  readonly keyset: string
  readonly cases: readonly VectorCase[]
}

export interface VectorCase {
  readonly name: string
  readonly context: RequestContext
  readonly contentType: string
  readonly body: string
  readonly dek: string
  readonly wraps: readonly VectorWrap[]
  readonly c: string
  readonly requestKeys: { readonly key: string; readonly nonce: string }
  readonly q: string
  readonly request: string
  readonly answeredBy: number
  readonly started: number
  readonly ended: number
  readonly rn: string
  readonly responseKeys: { readonly secret: string; readonly key: string; readonly nonce: string }
  readonly answer: VectorAnswer
  readonly receipt: string
  readonly response: string
  readonly refused: readonly {
    readonly of: 'request' | 'response'
    readonly at: number
    readonly xor: number
    readonly code: EnvelopeErrorCode
  }[]
}

interface VectorWrap {
  readonly key: number
  readonly info: string
  readonly ephemeral: string | null
  readonly enc: string
  readonly session: string
  readonly dekKey: string
  readonly dekNonce: string
}

interface VectorAnswer {
  readonly status: number
  readonly contentType: string | null
  readonly data: readonly string[]
  readonly checkpoints: readonly Usage[]
  readonly finish: Finish
  readonly usage: Usage
}

/** What differs between the cases of a file. `to` are indices of keys; `fails`: ERROR in place of HEAD. */
export const scenarios = [
  { name: 'one wrap, nothing padded', to: [0], answeredBy: 0, pad: 'off', signed: false, fails: false },
  {
    name: "two wraps, cells, the payer's signature, answered by the second worker",
    to: [1, 0],
    answeredBy: 0,
    pad: 'cells',
    signed: true,
    fails: false,
  },
  { name: 'steady, ERROR in place of HEAD', to: [1], answeredBy: 1, pad: 'steady', signed: false, fails: true },
] as const

const source =
  'Made by the tests of this project (test/envelope/vectors.test.ts) from fixed seeds; rewritten with UPDATE_VECTORS=1. Byte strings are hex. ' +
  'keys, wraps.key, answeredBy: indices. wraps.ephemeral: the X25519 scalar of DHKEM; null for X-Wing, whose enc is an input. ' +
  'answer: per piece of data one DATA, each followed by a CHECKPOINT. refused: one byte of request or response, XORed.'

const error = { message: 'The model is not loaded', type: 'server_error', param: null, code: 'model_not_loaded' }
const receiptSeed = Buffer.alloc(32, 1)
const payerSeed = Buffer.alloc(32, 2)

/** The key pairs of a file. */
export function vectorKeys(kem: number): RecipientKeyPair[] {
  return [0, 1].map(i => recipientKeyPair(kem, keySeed(kem, i)))
}

const keySeed = (kem: number, i: number) => seededRandom(`vector key ${kem}/${i}`)(32)
const keyPair = (seed: Buffer) => ({ seed: toHex(seed), publicKey: toHex(ed25519RawPublicKey(ed25519PrivateKey(seed))) })

/** The whole file. `encapsulations`: per case and wrap; read for X-Wing only. */
export function makeVectors(suite: Suite, kem: number, encapsulations: readonly (readonly Buffer[])[]): VectorFile {
  const pairs = vectorKeys(kem)
  return {
    source,
    suite,
    kem,
    keys: pairs.map((pair, i) => ({ seed: toHex(keySeed(kem, i)), publicKey: toHex(pair.publicKey), kid: toHex(pair.kid) })),
    receiptKey: keyPair(receiptSeed),
    payerKey: keyPair(payerSeed),
    worker,
    keyset,
    cases: scenarios.map((scenario, i) => makeCase(suite, kem, pairs, scenario, encapsulations[i]!)),
  }
}

type Scenario = (typeof scenarios)[number]

function makeCase(suite: Suite, kem: number, pairs: readonly RecipientKeyPair[], scenario: Scenario, encs: readonly Buffer[]): VectorCase {
  const { name, to, answeredBy, pad, signed, fails } = scenario
  const random = seededRandom(`vector ${suite}/${kem}/${name}`)
  const context = sampleContext({
    rid: toBase64url(random(16)),
    pad,
    payer: signed ? payer : null,
    weights: fails ? null : sampleContext().weights,
  })
  const [contentType, body, dek, rn] = [
    'application/json',
    utf8(`{"model":"tiny","stream":true,"messages":[{"role":"user","content":"Zwölf"}]}`),
    random(32),
    random(32),
  ]
  const given = to.map((key, i) => encapsulation(kem, pairs[key]!, random(32), encs[i]!))
  const sealed = seal({ suite, kem, pairs, to, given, context, contentType, body, dek })
  const c = sealed.contextDigest

  const request = openRequest(sealed.bytes, { keyring: keyringOf(pairs[answeredBy]!) })
  const made = answer(
    sealerFor(request, () => Buffer.from(rn)),
    fails,
  )
  const response = concat(...made.parts)
  const keys = responseKeys(request.reply, sealed.requestDigest, rn)
  const secret = expand(request.reply.prk, concat(utf8('response'), sealed.requestDigest), 32)
  return {
    name,
    context,
    contentType,
    body: toHex(body),
    dek: toHex(dek),
    wraps: to.map((key, i) => {
      const { ephemeral, enc, session } = given[i]!
      const derived = exported(wrapKeys(suite, c, session))
      return {
        key,
        info: toHex(sessionInfo(pairs[key]!.kid)),
        ephemeral: ephemeral && toHex(ephemeral),
        enc: toHex(enc),
        session: toHex(session),
        dekKey: derived.key,
        dekNonce: derived.nonce,
      }
    }),
    c: toHex(c),
    requestKeys: exported(requestKeys(suite, c, dek)),
    q: toHex(sealed.requestDigest),
    request: toHex(sealed.bytes),
    answeredBy,
    started: now + 5,
    ended: now + 25,
    rn: toHex(rn),
    responseKeys: { secret: toHex(secret), ...exported(keys) },
    answer: made.answer,
    receipt: made.parts
      .at(-1)!
      .subarray(4 + 2, -64)
      .toString(),
    response: toHex(response),
    refused: refused(sealed, response, signed),
  }
}

/** The request of a case sealed again, from what stands in the file alone. */
export function resealed(file: VectorFile, vector: VectorCase): SealedRequest {
  const pairs = file.keys.map(key => recipientKeyPair(file.kem, fromHex(key.seed, 32)))
  const given = vector.wraps.map(wrap => ({ enc: fromHex(wrap.enc), session: fromHex(wrap.session) }))
  const { context, contentType } = vector
  const [to, body, dek] = [vector.wraps.map(wrap => wrap.key), fromHex(vector.body), fromHex(vector.dek)]
  return seal({ suite: file.suite, kem: file.kem, pairs, to, given, context, contentType, body, dek })
}

interface Seal {
  readonly suite: Suite
  readonly kem: number
  readonly pairs: readonly RecipientKeyPair[]
  readonly to: readonly number[]
  readonly given: readonly { readonly enc: Buffer; readonly session: Buffer }[]
  readonly context: RequestContext
  readonly contentType: string
  readonly body: Buffer
  readonly dek: Buffer
}

function seal({ suite, kem, pairs, to, given, context, contentType, body, dek }: Seal): SealedRequest {
  const sessions = to.map((key, i) => new SenderSession({ kid: pairs[key]!.kid, kem, enc: given[i]!.enc, secret: given[i]!.session }))
  const options = { context, sessions, contentType, body, suite, random: () => Buffer.from(dek) }
  return sealRequest(context.payer === null ? options : { ...options, payerKey })
}

function encapsulation(
  kem: number,
  pair: RecipientKeyPair,
  ephemeral: Buffer,
  enc: Buffer,
): { ephemeral: Buffer | null; enc: Buffer; session: Buffer } {
  if (kem === kemX25519) {
    const session = createSenderSession(pair, () => ephemeral)
    return { ephemeral, enc: session.enc, session: session.serve('vector') }
  }
  return { ephemeral: null, enc, session: keyringOf(pair).session(pair.kid, enc).secret }
}

function answer(sealer: ReturnType<typeof sealerFor>, fails: boolean): { parts: Buffer[]; answer: VectorAnswer } {
  if (fails) {
    const usage = { prompt: 0, cached: 0, completion: 0, reasoning: 0 }
    const parts = [sealer.preamble(), sealer.error(503, error, usage), sealer.receipt()]
    return { parts, answer: { status: 503, contentType: null, data: [], checkpoints: [], finish: 'error', usage } }
  }
  const data = ['data: {"choices":[]}\n\n', 'data: [DONE]\n\n'].map(utf8)
  const checkpoints = data.map((_, i) => usageAt(i))
  const parts = [sealer.preamble(), sealer.head(200, 'text/event-stream')]
  for (const [i, bytes] of data.entries()) parts.push(sealer.data(bytes), sealer.checkpoint(checkpoints[i]!))
  parts.push(sealer.final('stop', usageAt(3)), sealer.receipt())
  return {
    parts,
    answer: { status: 200, contentType: 'text/event-stream', data: data.map(toHex), checkpoints, finish: 'stop', usage: usageAt(3) },
  }
}

function refused({ bytes }: SealedRequest, response: Buffer, signed: boolean): VectorCase['refused'] {
  const ctxEnd = 8 + bytes.readUInt16BE(6)
  const last = bytes.length - 1
  return [
    { of: 'request', at: 3, xor: 3, code: 'malformed' },
    { of: 'request', at: 4, xor: 3, code: 'does-not-open' },
    { of: 'request', at: 5, xor: 7, code: 'malformed' },
    { of: 'request', at: 8, xor: 1, code: 'malformed' },
    { of: 'request', at: ctxEnd + 10, xor: 1, code: 'does-not-open' },
    { of: 'request', at: last, xor: 1, code: signed ? 'bad-auth' : 'does-not-open' },
    { of: 'response', at: 0, xor: 1, code: 'malformed' },
    { of: 'response', at: 4, xor: 1, code: 'does-not-open' },
    { of: 'response', at: 12, xor: 1, code: 'does-not-open' },
    { of: 'response', at: response.length - 1, xor: 1, code: 'bad-receipt' },
  ]
}

function exported({ key, nonce }: AeadKeys): { key: string; nonce: string } {
  return { key: toHex(key.export()), nonce: toHex(nonce) }
}
