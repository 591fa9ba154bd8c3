/** The clear, authenticated context of a request (spec, "Context"): its members, their form, and its one encoding. */
import { randomBytes } from 'node:crypto'
import { fromBase64url, toBase64url } from '../lib/bytes.ts'
import { EnvelopeError } from './errors.ts'
import { check, encodePlain, exactly, isCount, isText, parsePlain } from './plain-json.ts'
import type { PaddingMode, Random, RequestContext } from './types.ts'
import { isAmount, toPrice } from './usage.ts'

const members = ['rid', 'ts', 'path', 'model', 'stream', 'channel', 'cap', 'price', 'pad', 'weights', 'payer']
const maxLength = 0xffff
const what = 'ctx'

/** A fresh request id: 16 random bytes, base64url. */
export function newRid(random: Random = randomBytes): string {
  return toBase64url(random(16))
}

/** The bytes of a context, members in the order of the wire. Throws `malformed` for a member that is not well formed, `too-large` above 65535 bytes. */
export function encodeContext(context: RequestContext): Buffer {
  const bytes = encodePlain(toContext(context))
  if (bytes.length > maxLength) throw new EnvelopeError('too-large', `${what} is longer than ${maxLength} bytes`)
  return bytes
}

/** Reads a context. Throws `malformed` for bytes other than the plain form, for a member more or fewer, or one that is not well formed. */
export function parseContext(bytes: Uint8Array): RequestContext {
  return toContext(parsePlain(bytes, what))
}

function toContext(value: unknown): RequestContext {
  const { rid, ts, path, model, stream, channel, cap, price, pad, weights, payer } = exactly(value, members, what)
  check(isBase64url(rid, 16), 'rid', what)
  check(isCount(ts), 'ts', what)
  check(isText(path), 'path', what)
  check(isText(model), 'model', what)
  check(typeof stream === 'boolean', 'stream', what)
  check(isText(channel), 'channel', what)
  check(isAmount(cap), 'cap', what)
  check(isPaddingMode(pad), 'pad', what)
  check(weights === null || isWeightsDigest(weights), 'weights', what)
  check(payer === null || isBase64url(payer, 32), 'payer', what)
  return { rid, ts, path, model, stream, channel, cap, price: toPrice(price), pad, weights, payer }
}

function isPaddingMode(value: unknown): value is PaddingMode {
  return value === 'off' || value === 'cells' || value === 'steady'
}

/** A weights digest as keysets have it: the hash's name and lowercase hex. */
export function isWeightsDigest(value: unknown): value is string {
  return typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value)
}

/** Whether `value` is the one base64url text of `size` bytes. */
export function isBase64url(value: unknown, size: number): value is string {
  if (typeof value !== 'string') return false
  try {
    fromBase64url(value, size)
    return true
  } catch {
    return false
  }
}
