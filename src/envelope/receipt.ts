/**
 * What a worker signs about one request: the receipt, and the checkpoints before it (spec, "Receipt", "Checkpoint").
 *
 *     payload = length u16 || JSON || Ed25519 signature 64
 *     signed  = "chrysalis receipt v1" or "chrysalis checkpoint v1" || JSON
 *
 * Everything it names is on the wire or attested, so relay, caller and worker can all check it.
 */
import { verify } from 'node:crypto'
import { concat, u16, utf8 } from '../lib/bytes.ts'
import { ed25519PublicKey } from '../lib/ed25519.ts'
import { EnvelopeError } from './errors.ts'
import { check, encodePlain, exactly, isCount, isText, parsePlain } from './plain-json.ts'
import { isBase64url, isWeightsDigest } from './request-context.ts'
import type { Finish, Price, Usage } from './types.ts'
import { costOf, isAmount, isFinish, isPriced, plainUsage, sameUsage, toUsage } from './usage.ts'

/** What a worker signed about one request. Digests are lowercase hex. `model`, `weights` and `channel` repeat the request's context. */
export interface Receipt {
  readonly rid: string
  /** The worker's id in its keyset, and H of the keyset's bytes. */
  readonly worker: string
  readonly keyset: string
  readonly model: string
  readonly weights: string | null
  /** `c`, `q`, and H of every response byte before the frame. */
  readonly ctx: string
  readonly request: string
  readonly transcript: string
  readonly usage: Usage
  /** nanoTON, a decimal string. */
  readonly cost: string
  /** Null in a checkpoint. */
  readonly finish: Finish | null
  readonly channel: string
  /** Milliseconds since the Unix epoch. */
  readonly started: number
  readonly ended: number
}

/** What was sent, seen and attested, and so what a checkpoint must say. */
export interface CheckpointExpectation {
  readonly rid: string
  readonly worker: string
  readonly keyset: string
  readonly model: string
  readonly weights: string | null
  readonly ctx: string
  readonly request: string
  readonly channel: string
  readonly price: Price
  readonly cap: string
  /** H of every response byte before the frame, hex: `transcript` of the event. */
  readonly transcript: string
}

export interface ReceiptExpectation extends CheckpointExpectation {
  /** As FINAL or ERROR says; null at a relay, which cannot read them. */
  readonly usage: Usage | null
  readonly finish: Finish | null
}

type Kind = 'receipt' | 'checkpoint'

const members = [
  'rid',
  'worker',
  'keyset',
  'model',
  'weights',
  'ctx',
  'request',
  'transcript',
  'usage',
  'cost',
  'finish',
  'channel',
  'started',
  'ended',
] as const
const signatureSize = 64

/** Longest payload a statement can have. */
export const maxStatement = 2 + 0xffff + signatureSize

/** The payload of a RECEIPT or CHECKPOINT frame. Throws `malformed` for a member that is not well formed, `misuse` for a signature that is none. */
export function signStatement(statement: Receipt, key: { sign(bytes: Uint8Array): Uint8Array }): Buffer {
  const { rid, worker, keyset, model, weights, ctx, request, transcript, usage, cost, finish, channel, started, ended } =
    toStatement(statement)
  const json = encodePlain({
    ...{ rid, worker, keyset, model, weights, ctx, request, transcript },
    ...{ usage: plainUsage(usage), cost, finish, channel, started, ended },
  })
  if (json.length > 0xffff) throw new EnvelopeError('too-large', 'a statement is longer than 65535 bytes')
  const signature = key.sign(signedBytes(finish === null ? 'checkpoint' : 'receipt', json))
  if (signature.length !== signatureSize) throw new EnvelopeError('misuse', 'an Ed25519 signature has 64 bytes')
  return concat(u16(json.length), json, signature)
}

/**
 * What a RECEIPT or CHECKPOINT payload says, once its signature holds under `publicKey`. For an auditor, who was not there: that it
 * is what was sent and seen is for {@link verifyReceipt}. Throws `bad-receipt`.
 */
export function verifySignedStatement(payload: Uint8Array, publicKey: Uint8Array): Receipt {
  const { json, signature } = asBadReceipt(() => split(payload))
  const statement = asBadReceipt(() => toStatement(parsePlain(json, 'a statement')))
  if (!signatureHolds(signedBytes(statement.finish === null ? 'checkpoint' : 'receipt', json), publicKey, signature))
    throw differs('signature')
  return statement
}

/** What a statement says, before its signature was checked. Throws `malformed`. */
export function unverifiedStatement(payload: Uint8Array): Receipt {
  return toStatement(parsePlain(split(payload).json, 'a statement'))
}

/**
 * The receipt in a RECEIPT payload, once its signature holds under `publicKey` (raw Ed25519, from the attested keyset) and
 * every member is what was sent, seen and attested; the cost is computed again. Throws `bad-receipt`, whose `member` names
 * the first difference. A receipt is known by its `rid`, not by its bytes.
 */
export function verifyReceipt(payload: Uint8Array, publicKey: Uint8Array, expected: ReceiptExpectation): Receipt {
  const receipt = verifyStatement('receipt', payload, publicKey, expected)
  if (receipt.finish === null) throw differs('finish')
  if (expected.finish !== null && receipt.finish !== expected.finish) throw differs('finish')
  if (expected.usage !== null && !sameUsage(receipt.usage, expected.usage)) throw differs('usage')
  return receipt
}

/**
 * The same for a CHECKPOINT payload: what may be charged when a stream broke after it. Its `finish` is null. That usage
 * never falls from one checkpoint to the next is seen to by the opener of the response.
 */
export function verifyCheckpoint(payload: Uint8Array, publicKey: Uint8Array, expected: CheckpointExpectation): Receipt {
  const checkpoint = verifyStatement('checkpoint', payload, publicKey, expected)
  if (checkpoint.finish !== null) throw differs('finish')
  return checkpoint
}

const compared = ['rid', 'worker', 'keyset', 'model', 'weights', 'ctx', 'request', 'transcript', 'channel'] as const

function verifyStatement(kind: Kind, payload: Uint8Array, publicKey: Uint8Array, expected: CheckpointExpectation): Receipt {
  const { json, signature } = asBadReceipt(() => split(payload))
  if (!signatureHolds(signedBytes(kind, json), publicKey, signature)) throw differs('signature')
  const statement = asBadReceipt(() => toStatement(parsePlain(json, 'a statement')))
  for (const member of compared) if (statement[member] !== expected[member]) throw differs(member)
  if (!isPriced(statement.usage, expected.price)) throw differs('usage')
  const cost = costOf(statement.usage, expected.price)
  if (BigInt(statement.cost) !== cost || cost > BigInt(expected.cap)) throw differs('cost')
  return statement
}

function signatureHolds(signed: Uint8Array, publicKey: Uint8Array, signature: Uint8Array): boolean {
  try {
    // RFC 8032 §5.1.7 by OpenSSL: S below the order, R compared as bytes.
    return verify(null, signed, ed25519PublicKey(publicKey), signature)
  } catch {
    return false
  }
}

function differs(member: string): EnvelopeError {
  const what = member === 'signature' ? 'is not good' : 'is not what was sent, seen or attested'
  return new EnvelopeError('bad-receipt', `${member} of a receipt ${what}`, { member })
}

function asBadReceipt<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    const member = cause instanceof EnvelopeError ? cause.member : undefined
    throw new EnvelopeError('bad-receipt', 'a receipt is not well formed', { cause, ...(member === undefined ? {} : { member }) })
  }
}

function signedBytes(kind: Kind, json: Uint8Array): Buffer {
  return concat(utf8(`chrysalis ${kind} v1`), json)
}

function split(payload: Uint8Array): { json: Buffer; signature: Buffer } {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  const length = bytes.length < 2 ? undefined : bytes.readUInt16BE(0)
  if (length === undefined || bytes.length !== 2 + length + signatureSize)
    throw new EnvelopeError('malformed', 'a statement does not fill its frame')
  return { json: bytes.subarray(2, 2 + length), signature: bytes.subarray(2 + length) }
}

function toStatement(value: unknown): Receipt {
  const what = 'a statement'
  const { rid, worker, keyset, model, weights, ctx, request, transcript, usage, cost, finish, channel, started, ended } = exactly(
    value,
    members,
    what,
  )
  check(isBase64url(rid, 16), 'rid', what)
  check(isText(worker), 'worker', what)
  check(isDigest(keyset), 'keyset', what)
  check(isText(model), 'model', what)
  check(weights === null || isWeightsDigest(weights), 'weights', what)
  check(isDigest(ctx), 'ctx', what)
  check(isDigest(request), 'request', what)
  check(isDigest(transcript), 'transcript', what)
  check(isAmount(cost), 'cost', what)
  check(finish === null || isFinish(finish), 'finish', what)
  check(isText(channel), 'channel', what)
  check(isCount(started), 'started', what)
  check(isCount(ended) && ended >= started, 'ended', what)
  return { rid, worker, keyset, model, weights, ctx, request, transcript, usage: toUsage(usage), cost, finish, channel, started, ended }
}

function isDigest(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}
